from __future__ import annotations

import asyncio

from notifyd.flow.heart import Heart, HeartTimes
from tests.fakes.lease_table import FakeLeaseTable
from tests.fakes.system import FakeClock


def _heart(table: FakeLeaseTable, clock: FakeClock) -> Heart:
    times = HeartTimes(renew_interval_s=3, failover_time_s=15, send_timeout_s=5)
    return Heart("me", table, clock, times, lambda: 0)


async def test_no_beat_puts_a_released_heartbeat_back(clock: FakeClock) -> None:
    table = FakeLeaseTable()
    heart = _heart(table, clock)
    beating = asyncio.create_task(heart.run())
    await clock.sleep(4)
    assert "me" in table.heartbeats
    await heart.release()
    await clock.sleep(10)
    beating.cancel()
    await asyncio.wait([beating])
    assert table.heartbeats == {}


async def test_a_beat_on_its_way_at_the_release_is_taken_away_too(clock: FakeClock) -> None:
    table = FakeLeaseTable()
    heart = _heart(table, clock)
    on_its_way = asyncio.create_task(heart.renew())
    await asyncio.sleep(0)  # noqa: TID251 - yields to the beat
    await heart.release()
    await on_its_way
    assert table.heartbeats == {}
    assert not await heart.renew()
