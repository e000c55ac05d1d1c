"""A worker dies before or after any call that it makes, and another one goes on."""

from __future__ import annotations

import pytest

from notifyd.core.channel import InDoubt
from notifyd.core.outcome import Deferred, Reason
from tests.fakes.provider import in_turn
from tests.support.flow_rig import World, paid
from tests.support.virtual_time import in_virtual_time
from tests.support.wire_cut import Wire

SLOTS = 12
TYPES = (paid(), paid("held", "held", in_doubt=InDoubt.HOLD))


def _world() -> World:
    """A little of everything: fan-out beyond the slots, refusals, retries, several shards, a reshard."""
    world = World(TYPES)
    world.person("out", opted_out=True)
    world.provider.answer = in_turn(*[Deferred(Reason.THROTTLED)] * 3)
    world.events(8)
    world.event("out")
    world.put(b"{broken")
    world.event(*[f"fan{number}" for number in range(2 * SLOTS)])
    world.event("nobody", source="elsewhere")
    world.event("ann", detail_type="held")
    world.events(8)
    left, _ = world.source.split("shard-0")
    world.events(4, shard=left)
    return world


async def _run_through(cut_at: int | None) -> tuple[World, Wire]:
    """One worker that dies at its `cut_at`-th step, then one that does not."""
    world = _world()
    wire = Wire(cut_at)
    ann = await world.worker("ann", wire=wire, slots_max=SLOTS)
    await world.until(lambda: wire.cut.is_set() or _is_done(world), within_s=400)
    if cut_at is None:
        await ann.stopped()
        return world, wire
    await ann.killed()
    bob = await world.worker("bob", slots_max=SLOTS)
    await world.until(lambda: _is_done(world), within_s=400)
    await bob.stopped()
    return world, wire


def _is_done(world: World) -> bool:
    return world.accounted()["read"] == world.put_count and not world.retry.messages


async def _steps() -> list[str]:
    _, wire = await _run_through(None)
    return wire.steps


EVERYBODY = 8 + 2 * SLOTS + 1 + 8 + 4


@in_virtual_time
async def test_without_a_crash_everybody_gets_it_once() -> None:
    world, _ = await _run_through(None)
    world.check_account()
    assert len(world.sent()) == EVERYBODY
    assert not world.duplicates()
    assert not world.flagged()


@pytest.mark.parametrize("tenth", range(10))
@in_virtual_time
async def test_a_crash_at_any_step_loses_nothing_and_repeats_no_more_than_the_slots(tenth: int) -> None:
    steps = await _steps()
    quiet = [step.endswith(("receive", "scan", "beat")) for step in steps]
    for cut_at in range(1 + tenth, len(steps) + 1, 10):
        if quiet[cut_at - 1] and cut_at % 7:
            continue
        world, wire = await _run_through(cut_at)
        where = f"cut at {cut_at}: {wire.steps[-1] if wire.steps else ''}"
        world.check_account()
        held = {what for what in world.flagged() if what[2] == "held"}
        assert not held, where
        lost = EVERYBODY - len(world.sent())
        assert lost <= (1 if world.deliveries()["dead"] else 0), f"{where}\n{world.describe()}"
        duplicates = world.duplicates()
        assert sum(duplicates.values()) <= SLOTS, where
        assert set(duplicates) <= world.flagged(), where


@in_virtual_time
async def test_a_crash_before_anything_was_sent_repeats_nothing() -> None:
    steps = await _steps()
    first_send = steps.index("before provider.send") + 1
    for cut_at in range(1, first_send + 1):
        world, wire = await _run_through(cut_at)
        assert not world.duplicates(), wire.steps[-1]
        assert len(world.sent()) >= EVERYBODY - 1
