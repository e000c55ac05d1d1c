"""Whatever is sent twice is listed, however many workers die over it."""

from __future__ import annotations

from notifyd.core.channel import InDoubt
from notifyd.core.log_row import RowKind
from notifyd.core.message import Delivery
from notifyd.core.outcome import Outcome
from notifyd.errors import NotSent
from tests.fakes.provider import accept
from tests.support.flow_rig import World, paid
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


async def _die_within_a_fan_out(world: World, people: int, slots_max: int) -> None:
    """All slots are sent, and nothing of it is written down."""
    world.event(*[f"u{number}" for number in range(people)], detail_type=world.catalog.types[-1].name)
    ann = await world.worker("ann", slots_max=slots_max)
    await world.until(lambda: len(world.provider.taken) == slots_max, every_s=0.001)
    await ann.killed()
    bob = await world.worker("bob", slots_max=slots_max)
    await world.settled()
    await bob.stopped()
    world.check_account()


@in_virtual_time
async def test_of_a_fan_out_beyond_the_slots_only_what_had_one_is_a_possible_duplicate() -> None:
    world = World([paid()])
    await _die_within_a_fan_out(world, people=50, slots_max=12)
    assert len(world.sent()) == 50
    assert len(world.duplicates()) == 12
    assert set(world.duplicates()) == world.flagged()


@in_virtual_time
async def test_of_a_fan_out_beyond_the_slots_only_what_had_one_is_held_for_a_person() -> None:
    world = World([paid("held", "held", in_doubt=InDoubt.HOLD)])
    await _die_within_a_fan_out(world, people=50, slots_max=12)
    assert world.deliveries() == {"dead": 12, "accepted": 38}
    assert not world.duplicates()
