"""The whole flow on the real adapter, over a Kinesis that holds its limits and fails as AWS does."""

from __future__ import annotations

from typing import cast

import pytest

from notifyd.aws.kinesis import KinesisSource
from notifyd.core.sequence import Position, ShardEnd
from tests.fakes.kinesis_service import KinesisService
from tests.fakes.stream_service import Refusal
from tests.fakes.streams import FakeSource
from tests.support.flow_rig import World
from tests.support.virtual_time import in_virtual_time

EVENT_BYTES = 50_000
PASSING = [
    Refusal("ExpiredIteratorException"),
    Refusal("ProvisionedThroughputExceededException"),
    Refusal("KMSThrottlingException"),
    Refusal("InternalFailure"),
]


class Stage(KinesisSource):
    """A source that events can be put into."""

    def __init__(self, world: World) -> None:
        self.kinesis = KinesisService(world.clock, throttles=True)
        super().__init__("events", self.kinesis.service(), world.clock, batch_size=20)

    def put(self, body: bytes, shard_id: str, *, arrival_s: float | None = None) -> Position:
        assert arrival_s is None, "Kinesis says itself when a record arrived"
        return self.kinesis.put(shard_id, body)


def on_kinesis() -> tuple[World, KinesisService, str]:
    """With one shard."""
    world = World()
    stage = Stage(world)
    world.source = cast(FakeSource, stage)
    return world, stage.kinesis, stage.kinesis.open_shard()


@pytest.mark.parametrize("workers", [1, 2])
@in_virtual_time
async def test_a_backlog_is_drained_at_two_mib_a_second_without_a_throttle(workers: int) -> None:
    world, kinesis, shard = on_kinesis()
    for number in range(200):
        world.event(f"u{number}", shard=shard, pad="x" * EVENT_BYTES)
    began_s = world.clock.elapsed_s()
    running = [await world.worker(name) for name in ("ann", "bob")[:workers]]
    await world.settled()
    took_s = world.clock.elapsed_s() - began_s
    for worker in running:
        await worker.stopped()
    world.check_account()
    assert kinesis.throttled == 0
    assert took_s < 200 * EVENT_BYTES / 2**21 * 1.5
    assert world.deliveries() == {"accepted": 200}


@in_virtual_time
async def test_whatever_reading_meets_that_passes_loses_and_doubles_nothing() -> None:
    world, kinesis, shard = on_kinesis()
    worker = await world.worker()
    for refusal in PASSING:
        kinesis.refuse("GetRecords", refusal)
        kinesis.refuse("GetShardIterator", refusal)
        kinesis.shards[shard].empty_pages = 3
        world.events(30, shard=shard)
        await world.settled()
    left, right = kinesis.split(shard)
    kinesis.refuse("ListShards", Refusal("LimitExceededException"), Refusal("ExpiredNextTokenException"))
    world.events(30, shard=left)
    world.events(30, shard=right)
    await world.settled()
    await worker.stopped()
    world.check_account()
    assert world.deliveries() == {"accepted": 30 * len(PASSING) + 60}
    assert not world.duplicates()
    assert isinstance(world.table.shards[f"shard#kinesis:events#{shard}"].start, ShardEnd)
