"""Whatever is sent twice is listed, however many workers die over it."""

from __future__ import annotations

from notifyd.core.log_row import RowKind
from notifyd.core.message import Delivery
from notifyd.core.outcome import Outcome
from notifyd.errors import NotSent
from tests.fakes.provider import accept
from tests.support.flow_rig import World
from tests.support.virtual_time import in_virtual_time

AWAY = NotSent("away")


@in_virtual_time
async def test_what_a_dead_successor_sent_again_is_listed_though_the_first_sender_writes_its_row_after_all() -> (
    None
):
    world = World()
    world.events(1)
    ann = await world.worker("ann")
    await world.until(lambda: len(world.provider.taken) == 1, every_s=0.001)
    ann.wire.broken.update(log=AWAY, leases=AWAY)
    bob = await world.worker("bob")
    await world.until(lambda: len(world.provider.taken) == 2, every_s=0.001)
    await bob.killed()
    ann.wire.broken.clear()
    await world.until(lambda: bool(world.log.of_kind(RowKind.ACCEPTED)))
    await ann.killed()
    carol = await world.worker("carol")
    await world.settled()
    await carol.stopped()
    world.check_account()
    assert sum(world.duplicates().values()) == 1
    assert set(world.duplicates()) == world.flagged()


@in_virtual_time
async def test_a_delivery_is_listed_before_it_is_sent_again() -> None:
    world = World()
    listed_at_sends: list[bool] = []

    def take(delivery: Delivery) -> Outcome:
        listed_at_sends.append(bool(world.flagged()))
        return accept(delivery)

    world.provider.answer = take
    world.events(3)
    ann = await world.worker("ann")
    await world.until(lambda: len(listed_at_sends) == 3, every_s=0.001)
    await ann.killed()
    world.log.faults.refuse("append", *[AWAY] * 5)
    bob = await world.worker("bob")
    await world.settled()
    await bob.stopped()
    assert listed_at_sends == [False] * 3 + [True] * 3
    assert set(world.duplicates()) == world.flagged()
