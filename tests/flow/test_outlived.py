"""Items of shards that were read out go when their shards can be listed no more: every scan reads them all."""

from __future__ import annotations

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from notifyd.core.sequence import ShardEnd, TrimHorizon
from notifyd.flow.alert_desk import AlertDesk
from notifyd.flow.streams import initialise, sync
from notifyd.flow.watch import Watch
from notifyd.telemetry.metrics import Metrics
from tests.fakes.lease_table import FakeLeaseTable
from tests.fakes.queues import FakeAlerts
from tests.fakes.streams import FakeSource
from tests.fakes.system import FakeClock

DAY_S = 24 * 3600.0
SHARD = "shard#fake:events#shard-0"


class Stream:
    """One that was initialised and listed."""

    def __init__(self, clock: FakeClock, source: FakeSource) -> None:
        self.table = FakeLeaseTable()
        self._clock = clock
        self._source = source
        self._watch = Watch(
            clock,
            Metrics(CollectorRegistry(), version="1", providers={}, sources=()),
            AlertDesk(FakeAlerts(), clock, fold_s=60.0),
        )

    async def listed(self) -> None:
        await initialise(self._source, self.table, await self.table.scan(), TrimHorizon(), self._clock)
        await sync(self._source, self.table, await self.table.scan(), self._watch, self._clock.now_s())

    def finish(self, key: str) -> None:
        self.table.shards[key] = msgspec.structs.replace(self.table.shards[key], start=ShardEnd())


@pytest.fixture
def source(clock: FakeClock) -> FakeSource:
    return FakeSource(clock)


@pytest.fixture
async def stream(clock: FakeClock, source: FakeSource) -> Stream:
    stream = Stream(clock, source)
    await stream.listed()
    source.split("shard-0")
    await stream.listed()
    return stream


async def test_the_item_of_a_shard_that_was_read_out_goes_some_time_after_its_shard(
    clock: FakeClock, source: FakeSource, stream: Stream
) -> None:
    stream.finish(SHARD)
    source.drop_shard("shard-0")
    clock.advance(1.9 * DAY_S)
    await stream.listed()
    assert SHARD in stream.table.shards

    clock.advance(0.2 * DAY_S)
    await stream.listed()
    assert len(stream.table.shards) == 2
    assert SHARD not in stream.table.shards


async def test_an_item_stays_while_its_shard_is_listed_or_not_read_out(
    clock: FakeClock, source: FakeSource, stream: Stream
) -> None:
    source.drop_shard("shard-1")
    stream.finish(SHARD)
    clock.advance(30 * DAY_S)
    await stream.listed()

    assert len(stream.table.shards) == 3


async def test_many_items_go_a_few_at_a_time(clock: FakeClock) -> None:
    shards = [f"old-{number}" for number in range(60)]
    source = FakeSource(clock, shards=[*shards, "open"])
    stream = Stream(clock, source)
    await stream.listed()
    for shard in shards:
        stream.finish(f"shard#fake:events#{shard}")
        source.drop_shard(shard)
    clock.advance(3 * DAY_S)

    left = []
    for _ in range(3):
        await stream.listed()
        left.append(len(stream.table.shards))
    assert left == [36, 11, 1]
