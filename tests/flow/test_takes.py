"""A lease that was taken and nobody heard of it."""

from __future__ import annotations

from notifyd.errors import NotSent
from tests.support.flow_rig import World
from tests.support.virtual_time import in_virtual_time


@in_virtual_time
async def test_sigterm_gives_back_a_lease_of_which_the_take_was_not_answered() -> None:
    world = World()
    world.events(3)
    world.table.faults.lose_answers("take")
    ann = await world.worker("ann")
    await world.until(
        lambda: any(item.lease_owner == "ann" for item in world.table.shards.values()), every_s=0.001
    )
    world.table.faults.refuse("take", *[NotSent("away")] * 3)
    assert not ann.engine.keeper.runs
    await ann.stopped()
    assert [item.lease_owner for item in world.table.shards.values()] == [""]
