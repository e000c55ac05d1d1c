"""How much a process takes in before something of it has ended."""

from __future__ import annotations

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
