"""The whole flow with its retry queue on the real adapter, over an SQS that fails in part and hands out twice."""

from __future__ import annotations

from typing import cast

import pytest

from notifyd.aws.retry_queue import SqsRetryQueue, unpack
from notifyd.core.outcome import Deferred, Reason
from notifyd.core.retry_message import RetryMessage
from notifyd.ports import Received
from tests.fakes.provider import in_turn
from tests.fakes.queues import FakeRetryQueue
from tests.fakes.sqs_service import Fails, Repeats, SqsService
from tests.support.flow_rig import VISIBILITY_S, World
from tests.support.virtual_time import in_virtual_time


class Queue(SqsRetryQueue):
    """Whose receive waits, which the service in memory does not."""

    def __init__(self, world: World) -> None:
        self._world_clock = world.clock
        self.sqs = SqsService(world.clock)
        service = self.sqs.service
        super().__init__("url", service, clock=world.clock, visibility_s=int(VISIBILITY_S), timeout_s=1)

    async def receive(self, wait_s: float) -> list[Received]:
        until_s = self._world_clock.elapsed_s() + wait_s
        while not (received := await super().receive(0)) and self._world_clock.elapsed_s() < until_s:
            await self._world_clock.sleep(0.05)
        return received

    @property
    def messages(self) -> list[RetryMessage]:
        return [unpack(body, RetryMessage) for body in self.sqs.bodies]


def never(_operation: str, _number: int) -> bool:
    return False


def none(_number: int) -> bool:
    return False


@pytest.mark.parametrize(
    ("fails", "repeats"),
    [
        (lambda operation, number: operation == "SendMessageBatch" and number % 2 == 0, none),
        (lambda operation, number: operation == "DeleteMessageBatch" and number % 3 != 0, none),
        (never, lambda number: number % 2 == 0),
    ],
    ids=["entries not put", "entries not deleted", "deleted ones come again"],
)
@in_virtual_time
async def test_whatever_a_retry_queue_does_each_delivery_is_accepted_once(fails: Fails, repeats: Repeats) -> None:
    world = World()
    queue = Queue(world)
    queue.sqs.fails, queue.sqs.repeats = fails, repeats
    world.retry = cast(FakeRetryQueue, queue)
    world.provider.answer = in_turn(*[Deferred(Reason.THROTTLED)] * 45)
    world.events(30)
    worker = await world.worker()
    await world.settled()
    await worker.stopped()
    world.check_account()
    assert world.deliveries() == {"accepted": 30}
    assert not world.duplicates()
    assert not world.flagged()
