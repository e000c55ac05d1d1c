"""A start that meets an outage, a missing table, or SIGTERM."""

from __future__ import annotations

import pytest

from notifyd.errors import AwsError, ConfigError, NoAnswer, NotSent, Throttled
from notifyd.flow.start import START_WITHIN_S
from tests.support.flow_rig import World
from tests.support.virtual_time import in_virtual_time

AWAY = NotSent("away")
THROTTLED = Throttled("Scan", "ThrottlingException", "slow down", status=400)


def _missing(operation: str) -> AwsError:
    return AwsError(operation, "ResourceNotFoundException", "Requested resource not found: nt-leases", status=400)


@pytest.mark.parametrize("operation", ["scan", "create_stream", "beat"])
@in_virtual_time
async def test_a_start_waits_for_a_table_that_throttles_or_does_not_answer(operation: str) -> None:
    world = World()
    world.events(5)
    world.table.faults.refuse(operation, *[THROTTLED, NoAnswer("slow"), AWAY] * 3)
    worker = await world.worker()
    await world.settled()
    await worker.stopped()
    assert world.deliveries() == {"accepted": 5}
    assert world.table.faults.calls.count(operation) > 9


@in_virtual_time
async def test_a_start_waits_for_a_stream_that_cannot_be_asked_whether_it_holds_data() -> None:
    world = World(starting_position=None)
    world.source.refuse_questions(AWAY, AWAY)
    worker = await world.worker()
    await world.until(lambda: bool(world.table.streams))
    await worker.stopped()


@in_virtual_time
async def test_an_outage_that_outlasts_a_start_ends_it_with_what_was_answered_last() -> None:
    world = World()
    world.table.faults.outage = THROTTLED
    began_s = world.clock.elapsed_s()
    worker = await world.worker()
    with pytest.raises(Throttled):
        await worker.task
    assert START_WITHIN_S <= world.clock.elapsed_s() - began_s < START_WITHIN_S + 10
    assert len(world.table.faults.calls) < 60


@in_virtual_time
async def test_a_table_that_does_not_exist_ends_a_start_at_once_and_says_how_to_mend_it() -> None:
    world = World()
    world.table.faults.outage = _missing("Scan")
    worker = await world.worker()
    with pytest.raises(ConfigError, match="notifyd init"):
        await worker.task
    assert len(world.table.faults.calls) == 1


@pytest.mark.parametrize("operation", ["scan", "beat"])
@in_virtual_time
async def test_sigterm_ends_a_start_that_waits(operation: str) -> None:
    world = World()
    world.table.faults.refuse(operation, *[AWAY] * 1000)
    worker = await world.worker()
    await world.clock.sleep(5)
    assert not worker.task.done()
    began_s = world.clock.elapsed_s()
    await worker.stopped()
    assert world.clock.elapsed_s() - began_s < 3
    assert not any(item.lease_owner for item in world.table.shards.values())
    assert not world.table.heartbeats
