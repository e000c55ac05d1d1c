from __future__ import annotations

from collections.abc import Sequence

import pytest

from notifyd.sandbox.world import DemoEvent, SourceKind, make_world
from tests.fakes.system import FakeClock
from tests.faults.load import Load
from tests.faults.processes import RunFailed


async def test_what_fails_in_a_run_is_said_as_it_is(clock: FakeClock) -> None:
    async def write(_: Sequence[DemoEvent]) -> None:
        pass

    load = Load(make_world(1, 20, SourceKind.KINESIS), write, clock, rate_per_s=10)
    with pytest.raises(RunFailed, match="nobody takes over"):
        async with load.running():
            raise RunFailed("nobody takes over")


async def test_a_load_writes_what_is_due_and_expects_the_mails_of_that_alone(clock: FakeClock) -> None:
    written: list[DemoEvent] = []

    async def write(events: Sequence[DemoEvent]) -> None:
        written.extend(events)

    world = make_world(1, 100, SourceKind.KINESIS)
    load = Load(world, write, clock, rate_per_s=10)
    async with load.running():
        while len(written) < 50:
            await clock.sleep(0.1)
    assert written == world.events[: load.written]
    assert load.mails_due == len(load.expected)
    assert {mail.event_id for mail in load.expected} <= {event.event_id for event in written}
