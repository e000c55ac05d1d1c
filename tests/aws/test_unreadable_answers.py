"""A 200 that is not AWS's, of a proxy or a portal on the way, is no answer: no bug, and no end of the daemon."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from notifyd.aws.control_table import DynamoDbControlTable
from notifyd.aws.dead_letter_box import SqsDeadLetterBox
from notifyd.aws.delivery_log import DynamoDbDeliveryLog
from notifyd.aws.events_table import EventsTable
from notifyd.aws.kcl_table import KclTable
from notifyd.aws.lease_repair import DynamoDbLeaseRepair
from notifyd.aws.lease_table import DynamoDbLeaseTable
from notifyd.aws.retry_queue import SqsRetryQueue, queue_depth
from notifyd.core.lease import Heartbeat, ShardItem
from notifyd.core.log_row import LogRow, RowKind
from notifyd.core.sequence import Position, TrimHorizon
from notifyd.core.window import Progress
from notifyd.errors import NoAnswer
from notifyd.ports import ShardWrite
from notifyd.wire.aws_call import AwsService
from notifyd.wire.credentials import Credentials
from notifyd.wire.transport import Request, Response
from tests.fakes.system import FakeClock, FakeEntropy

NO_PROGRESS = Progress(None, 0.0, None, b"", "", {})
FREE = ShardItem("kinesis:events", "shardId-1", TrimHorizon(), NO_PROGRESS)
BEAT = Heartbeat("me", counter=1)
COMMIT = ShardWrite(FREE.key, "me", 1, "c-0", "c-1", NO_PROGRESS)
CLAIM = LogRow("e1", "D1", 1, RowKind.CLAIM, "kinesis:events/shardId-1/1:0", 1.0, 2)


class Portal:
    """Answers everything with a page of its own."""

    def __init__(self, page: bytes) -> None:
        self._page = page

    async def send(self, request: Request, *, timeout_s: float) -> Response:  # noqa: ARG002 - Transport's
        return Response(200, {}, self._page)

    async def close(self) -> None:
        """Nothing is open."""

    async def current(self, within_s: float) -> Credentials:  # noqa: ARG002 - the source's
        return Credentials("key", "secret")


async def _first_page(service: AwsService) -> object:
    table = EventsTable("t", service, FakeClock(), timeout_s=5)
    return await anext(table.pages(Position("1"), items_per_s=1.0))


def _queue(service: AwsService) -> SqsRetryQueue:
    return SqsRetryQueue("q", service, clock=FakeClock(), visibility_s=60, timeout_s=5)


def _log(service: AwsService) -> DynamoDbDeliveryLog:
    return DynamoDbDeliveryLog("t", service, clock=FakeClock(), entropy=FakeEntropy(), timeout_s=5)


def _service(page: bytes) -> AwsService:
    portal = Portal(page)
    return AwsService(
        service="any",
        region="eu-central-1",
        endpoint="http://portal",
        credentials=portal,
        transport=portal,
        clock=FakeClock(),
        entropy=FakeEntropy(),
    )


@pytest.mark.parametrize(
    "page", [b"<html>sign in</html>", b"[]", b"\xff", b'{"x": ' + b"[" * 5_000 + b"]" * 5_000 + b"}"]
)
@pytest.mark.parametrize(
    "ask",
    [
        lambda service: DynamoDbLeaseTable("t", service, timeout_s=5).scan(),
        lambda service: DynamoDbLeaseTable("t", service, timeout_s=5).take(FREE, "me", "c-1"),
        lambda service: DynamoDbLeaseTable("t", service, timeout_s=5).write(COMMIT),
        lambda service: DynamoDbLeaseTable("t", service, timeout_s=5).create_shard(FREE),
        lambda service: DynamoDbLeaseTable("t", service, timeout_s=5).beat(BEAT),
        lambda service: _log(service).claim_attempt(CLAIM, 1.0),
        lambda service: DynamoDbLeaseRepair("t", service, timeout_s=5).read("key"),
        lambda service: DynamoDbControlTable("t", service, timeout_s=5).switches(),
        lambda service: DynamoDbControlTable("t", service, timeout_s=5).reports(),
        lambda service: KclTable("t", service, timeout_s=5).leases(),
        _first_page,
        lambda service: _queue(service).receive(1.0),
        lambda service: _queue(service).delete(["receipt"]),
        lambda service: queue_depth(service, "q", timeout_s=5),
        lambda service: SqsDeadLetterBox("q", service, timeout_s=5).receive(),
    ],
)
async def test_what_is_no_answer_of_aws_s_is_no_answer(
    ask: Callable[[AwsService], Awaitable[object]], page: bytes
) -> None:
    with pytest.raises(NoAnswer, match="unreadable answer"):
        await ask(_service(page))


async def test_a_text_that_is_no_utf_8_is_no_answer() -> None:
    table = DynamoDbLeaseTable("t", _service(b'{"Items": [{"key": {"S": "M\xfcller"}}]}'), timeout_s=5)
    with pytest.raises(NoAnswer, match="unreadable answer"):
        await table.scan()
