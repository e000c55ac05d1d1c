"""How much a process takes in before something of it has ended."""

from __future__ import annotations

import asyncio

from notifyd.flow.byte_budget import ByteBudget
from tests.support.flow_rig import World
from tests.support.virtual_time import in_virtual_time

BYTES_MAX = 256 << 10
EVENT_BYTES = 5_000


@in_virtual_time
async def test_a_prepared_record_counts_its_bytes_and_not_what_decoding_it_took() -> None:
    """Else large records would wait for room while the core has nothing to do."""
    world = World()
    hung = world.unanswered(lambda _: True)
    for number in range(100):
        world.event(f"u{number}", padding="x" * EVENT_BYTES)
    worker = await world.worker(bytes_in_process_max=BYTES_MAX, slots_max=1)
    await world.until(lambda: world.provider.in_flight == 1)
    await world.clock.sleep(0.5)
    used_bytes = worker.engine.budget.used_bytes
    [run] = worker.engine.keeper.runs.values()
    assert BYTES_MAX - 4 * (EVENT_BYTES + 4096) < used_bytes <= BYTES_MAX
    assert run.unsettled_count > BYTES_MAX // (2 * EVENT_BYTES + 4096)
    hung.clear()
    await world.settled()
    await worker.stopped()
    world.check_account()
    assert worker.engine.budget.used_bytes == 0


@in_virtual_time
async def test_a_large_part_is_not_overtaken_by_small_ones_for_ever() -> None:
    budget = ByteBudget(100)
    await budget.take(60)
    await budget.take(30)
    large = asyncio.create_task(budget.take(50))
    await asyncio.wait([large], timeout=0.1)
    small = asyncio.create_task(budget.take(30))
    budget.give_back(30)
    await asyncio.wait([large, small], timeout=0.1)
    assert not large.done()
    assert not small.done()
    budget.give_back(60)
    await asyncio.wait([large, small], timeout=0.1)
    assert large.done()
    assert small.done()


@in_virtual_time
async def test_who_waits_for_room_no_longer_lets_the_others_pass() -> None:
    budget = ByteBudget(100)
    await budget.take(60)
    large = asyncio.create_task(budget.take(50))
    small = asyncio.create_task(budget.take(30))
    await asyncio.wait([large, small], timeout=0.1)
    large.cancel()
    await asyncio.wait([small], timeout=0.1)
    assert small.done()
    assert budget.used_bytes == 90
