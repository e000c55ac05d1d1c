"""A shard writes once an interval, and what nobody waits for goes with what somebody waits for."""

from __future__ import annotations

import asyncio

from notifyd.core.log_row import RowKind
from notifyd.core.steps import Steps
from notifyd.flow.pace import Pace
from tests.support.flow_rig import World
from tests.support.virtual_time import VirtualClock, in_virtual_time

INTERVAL_S = 0.1


@in_virtual_time
async def test_what_only_settles_waits_for_the_next_claim() -> None:
    clock, work, claims = VirtualClock(), asyncio.Event(), list[str]()
    waiting = asyncio.create_task(
        Pace(clock, Steps(INTERVAL_S), interval_s=INTERVAL_S).wait(work, lambda: bool(claims))
    )
    await clock.sleep(0.15)
    assert not waiting.done()
    claims.append("the next")
    work.set()
    await clock.sleep(0.001)
    assert waiting.done()


@in_virtual_time
async def test_where_no_claim_comes_it_is_written_after_two_intervals() -> None:
    clock = VirtualClock()
    began_s = clock.elapsed_s()
    await Pace(clock, Steps(INTERVAL_S), interval_s=INTERVAL_S).wait(asyncio.Event(), lambda: False)
    assert round(clock.elapsed_s() - began_s, 3) == 2 * INTERVAL_S


@in_virtual_time
async def test_it_waits_for_the_next_read_where_that_is_further_away() -> None:
    clock, steps = VirtualClock(), Steps(5 * INTERVAL_S)
    began_s = clock.elapsed_s()
    await Pace(clock, steps, interval_s=INTERVAL_S).wait(asyncio.Event(), lambda: False)
    assert round(clock.elapsed_s() - began_s, 3) == round(steps.step_s, 3)


@in_virtual_time
async def test_of_what_is_waited_for_two_go_at_once_and_then_one_an_interval() -> None:
    clock = VirtualClock()
    began_s = clock.elapsed_s()
    pace = Pace(clock, Steps(INTERVAL_S), interval_s=INTERVAL_S)
    went_s = []
    for _ in range(4):
        await pace.wait(asyncio.Event(), lambda: True)
        went_s.append(round(clock.elapsed_s() - began_s, 3))
    assert went_s == [0, 0, 0.1, 0.2]


@in_virtual_time
async def test_under_a_steady_load_a_part_costs_one_write() -> None:
    world = World()
    await world.worker()
    await world.clock.sleep(2)
    before = len(world.table.writes)
    for number in range(50):
        world.event(f"user-{number}")
        await world.clock.sleep(0.1)
    await world.settled()
    assert len(world.table.writes) - before <= 55


@in_virtual_time
async def test_slots_are_freed_as_soon_as_another_shard_waits_for_some() -> None:
    world = World(shards=("shard-0", "shard-1"))
    await world.worker(slots_max=10, commit_interval_s=5.0)
    await world.clock.sleep(2)
    world.events(10)
    await world.until(lambda: len(world.log.of_kind(RowKind.ACCEPTED)) == 10)
    world.events(5, shard="shard-1")
    await world.until(lambda: len(world.provider.taken) == 15, within_s=1.0)
