"""What a new owner makes of deliveries that its predecessor had claimed."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from notifyd.core.catalog import NotificationType
from notifyd.core.channel import Channel
from notifyd.core.log_row import ENDED, RowKind
from notifyd.core.outcome import Deferred, Reason
from notifyd.core.path import compile_path
from notifyd.core.policy import DeliveryRules
from notifyd.core.retry import RetryPolicy
from notifyd.core.user import Contact, DeviceToken
from notifyd.errors import NotSent
from tests.fakes.provider import FakeProvider, accept, in_turn
from tests.support.flow_rig import SETTINGS, World, paid, raises
from tests.support.virtual_time import in_virtual_time
from tests.support.wire_cut import Wire

AWAY = NotSent("away")


async def _die_uncommitted(world: World, until: Callable[[], bool]) -> None:
    """A worker claims what there is and dies before it could commit what came of it."""
    ann = await world.worker("ann")
    await world.until(lambda: "after leases.write" in ann.wire.steps, every_s=0.001)
    ann.wire.broken["leases"] = AWAY
    await world.until(until)
    await ann.killed()


async def _go_on(world: World) -> None:
    bob = await world.worker("bob")
    await world.settled()
    await bob.stopped()
    world.check_account()


@in_virtual_time
async def test_what_was_accepted_is_not_sent_to_a_new_address() -> None:
    world = World()
    world.events(5)
    await _die_uncommitted(world, lambda: len(world.log.of_kind(RowKind.ACCEPTED)) == 5)
    for number in range(5):
        world.person(f"u{number}", email=f"new{number}@example.com")
    await _go_on(world)
    assert world.deliveries() == {"accepted": 5}
    assert not world.flagged()


@in_virtual_time
async def test_what_waits_on_its_queue_is_not_sent_to_a_new_address_as_well() -> None:
    world = World()
    world.event("ann")
    world.provider.answer = in_turn(Deferred(Reason.THROTTLED, retry_after_s=30.0))
    await _die_uncommitted(world, lambda: bool(world.retry.messages))
    world.person("ann", email="new@example.com")
    await _go_on(world)
    assert world.deliveries() == {"accepted": 1}
    assert len(world.provider.taken) == 1


@in_virtual_time
async def test_what_was_accepted_is_not_suppressed_as_well_after_an_opt_out() -> None:
    world = World()
    world.events(5)
    await _die_uncommitted(world, lambda: len(world.log.of_kind(RowKind.ACCEPTED)) == 5)
    for number in range(5):
        world.person(f"u{number}", opted_out=True)
    await _go_on(world)
    assert world.deliveries() == {"accepted": 5}


@in_virtual_time
async def test_after_an_opt_out_every_channel_is_accounted_for_not_only_the_one_that_was_accepted() -> None:
    both = (Channel.EMAIL, Channel.SMS)
    world = World([paid(channels=both)], rules=DeliveryRules(frozenset(both)))
    world.beside[Channel.SMS] = FakeProvider(world.clock, answer=lambda _: None, channel=Channel.SMS)
    world.directory.contacts["ann"] = Contact("ann", "ann@example.com", phone="+491701234567")
    world.event("ann", words="Paid")
    await _die_uncommitted(world, lambda: bool(world.log.of_kind(RowKind.ACCEPTED)))
    world.person("ann", opted_out=True)
    await _go_on(world)
    assert world.deliveries() == {"accepted": 1, "suppressed": 1}


@in_virtual_time
async def test_an_event_grown_too_old_half_way_through_leaves_nobody_unaccounted() -> None:
    world = World(record_age_max_s=30.0)
    world.event("ann", "bob")
    ann = await world.worker("ann", slots_max=1)
    await world.until(lambda: "after leases.write" in ann.wire.steps, every_s=0.001)
    ann.wire.broken["leases"] = AWAY
    await world.until(lambda: bool(world.log.of_kind(RowKind.ACCEPTED)))
    await ann.killed()
    await world.clock.sleep(31.0)
    await _go_on(world)
    assert world.deliveries() == {"accepted": 1, "expired": 1}


@in_virtual_time
async def test_a_deferred_delivery_without_its_message_does_not_wait_for_ever_after_an_opt_out() -> None:
    world = World()
    world.event("ann")
    world.provider.answer = in_turn(Deferred(Reason.THROTTLED))
    world.retry.faults.outage = AWAY
    await _die_uncommitted(world, lambda: bool(world.log.of_kind(RowKind.DEFERRED)))
    world.retry.faults.outage = None
    world.person("ann", opted_out=True)
    await _go_on(world)
    assert world.deliveries() == {"suppressed": 1}
    assert len(world.provider.requests) == 1


@in_virtual_time
async def test_what_was_suppressed_is_not_sent_after_an_opt_in() -> None:
    world = World()
    world.person("out", opted_out=True)
    world.event("out")
    await _die_uncommitted(world, lambda: bool(world.log.of_kind(RowKind.SUPPRESSED)))
    world.directory.settings.clear()
    await _go_on(world)
    assert world.deliveries() == {"suppressed": 1}
    assert not world.sent()


@in_virtual_time
async def test_what_was_in_doubt_for_somebody_who_opted_out_is_not_sent() -> None:
    world = World()
    world.events(3)
    world.log.faults.outage = AWAY
    await _die_uncommitted(world, lambda: len(world.sent()) == 3)
    world.log.faults.outage = None
    for number in range(3):
        world.person(f"u{number}", opted_out=True)
    await _go_on(world)
    assert not world.duplicates()


@in_virtual_time
async def test_a_deferred_delivery_without_its_message_is_handed_over_and_not_sent_at_once() -> None:
    world = World()
    world.events(4)
    world.provider.answer = in_turn(*[Deferred(Reason.THROTTLED)] * 4)
    world.retry.faults.outage = AWAY
    await _die_uncommitted(world, lambda: len(world.log.of_kind(RowKind.DEFERRED)) == 4)
    world.retry.faults.outage = None
    requests = len(world.provider.requests)
    bob = await world.worker("bob")
    await world.until(lambda: len(world.retry.put_messages) == 4)
    assert len(world.provider.requests) == requests
    await world.settled()
    await bob.stopped()
    world.check_account()
    assert world.deliveries() == {"accepted": 4}
    assert not world.duplicates()
    assert not world.flagged()


@in_virtual_time
async def test_an_expired_delivery_ends_as_expired_alone() -> None:
    world = World([paid(deadline_s=30.0)])
    world.event("ann", arrival_s=world.clock_at(-31))
    world.dead.faults.outage = AWAY
    await _die_uncommitted(world, lambda: bool(world.log.of_kind(RowKind.EXPIRED)))
    world.dead.faults.outage = None
    await _go_on(world)
    assert world.deliveries() == {"expired": 1}
    assert [message.reason for message in world.dead.messages[Channel.EMAIL]] == ["deadline"]


@in_virtual_time
async def test_a_log_that_cannot_be_asked_is_not_a_log_without_rows() -> None:
    world = World()
    world.events(5)
    await _die_uncommitted(world, lambda: len(world.log.of_kind(RowKind.ACCEPTED)) == 5)
    world.log.faults.refuse("rows_of_event", *[AWAY] * 20)
    await _go_on(world)
    assert not world.duplicates()


@in_virtual_time
async def test_what_was_in_doubt_and_held_goes_to_the_dlq_unsent() -> None:
    world = World()
    world.events(3, detail_type="held")
    world.log.faults.outage = AWAY
    await _die_uncommitted(world, lambda: len(world.sent()) == 3)
    world.log.faults.outage = None
    await _go_on(world)
    assert not world.duplicates()
    assert world.deliveries() == {"dead": 3}
    assert len(world.dead.messages[Channel.EMAIL]) == 3


@in_virtual_time
async def test_what_was_held_in_doubt_and_turns_out_to_be_accepted_is_accepted() -> None:
    """Its first sender was only slow, and who held it died before it could call anybody."""
    world = World()
    world.event("ann", detail_type="held")
    ann = await world.worker("ann")
    await world.until(lambda: bool(world.provider.taken), every_s=0.001)
    ann.wire.broken.update(log=AWAY, leases=AWAY)
    bob = await world.worker("bob")
    bob.wire.broken["dead"] = AWAY
    await world.until(lambda: bool(world.log.of_kind(RowKind.DEAD)))
    await bob.killed()
    ann.wire.broken.clear()
    await world.until(lambda: bool(world.log.of_kind(RowKind.ACCEPTED)))
    await ann.killed()
    carol = await world.worker("carol")
    await world.settled()
    await carol.stopped()
    assert world.deliveries() == {"accepted": 1}
    assert not world.duplicates()
    assert not any(world.dead.messages.values())


@in_virtual_time
async def test_what_a_predecessor_buried_keeps_its_reason() -> None:
    """It died between row and message."""
    world = World([paid()], settings=msgspec.structs.replace(SETTINGS, retry=RetryPolicy(attempts_max=1)))
    world.event("ann")
    world.provider.answer = in_turn(Deferred(Reason.THROTTLED))
    world.dead.faults.outage = AWAY
    await _die_uncommitted(world, lambda: bool(world.log.of_kind(RowKind.DEAD)))
    world.dead.faults.outage = None
    await _go_on(world)
    assert {row.reason for row in world.log.of_kind(RowKind.DEAD)} == {"attempts"}
    [message] = world.dead.messages[Channel.EMAIL]
    assert message.reason == "attempts"
    assert message.delivery is not None
    assert [attempted.reason for attempted in message.delivery.story] == ["throttled"]


@in_virtual_time
async def test_each_delivery_sent_again_in_doubt_is_listed_as_a_possible_duplicate() -> None:
    world = World()
    world.events(7)
    world.log.faults.outage = AWAY
    await _die_uncommitted(world, lambda: len(world.sent()) == 7)
    world.log.faults.outage = None
    await _go_on(world)
    assert sum(world.duplicates().values()) == 7
    assert set(world.duplicates()) == world.flagged()


@in_virtual_time
async def test_what_was_accepted_is_no_dead_letter_though_it_can_be_rendered_no_longer() -> None:
    world = World()
    world.events(2)
    await _die_uncommitted(world, lambda: len(world.log.of_kind(RowKind.ACCEPTED)) == 2)
    world.use_types([paid(data=compile_path("detail.nothing"))])
    await _go_on(world)
    assert world.deliveries() == {"accepted": 2}
    assert not any(world.dead.messages.values())


@in_virtual_time
async def test_of_two_devices_the_one_in_doubt_is_buried_where_it_can_be_rendered_no_longer() -> None:
    world = World([paid(channels=(Channel.PUSH_IOS,))], channel=Channel.PUSH_IOS)
    devices = (DeviceToken("done", "apns"), DeviceToken("hangs", "apns"))
    world.directory.contacts["ann"] = Contact("ann", device_tokens=devices)
    world.unanswered(lambda delivery: delivery.address == "hangs")
    world.provider.channel = Channel.PUSH_IOS
    world.event("ann")
    await _die_uncommitted(world, lambda: bool(world.log.of_kind(RowKind.ACCEPTED)))
    world.use_types([paid(channels=(Channel.PUSH_IOS,), data=compile_path("detail.nothing"))])
    await _go_on(world)
    assert world.deliveries() == {"accepted": 1, "dead": 1}


@in_virtual_time
async def test_a_filter_that_raises_since_buries_only_what_came_to_no_end() -> None:
    both = (Channel.SMS, Channel.EMAIL)
    world = World([paid(channels=both)], rules=DeliveryRules(frozenset(both)))
    world.beside[Channel.SMS] = FakeProvider(world.clock, answer=lambda _: None, channel=Channel.SMS)
    world.directory.contacts["ann"] = Contact("ann", "ann@example.com", phone="+491701234567")
    world.event("ann", words="Paid")
    world.event("bob", words="Paid")
    await _die_uncommitted(world, lambda: len(world.log.of_kind(RowKind.ACCEPTED)) == 2)
    world.use_types([paid(channels=both, filter=raises)])
    await _go_on(world)
    assert {row.user_id for row in world.log.of_kind(RowKind.DEAD)} == {"ann"}
    assert len(world.dead.messages[Channel.SMS]) == 1


@in_virtual_time
async def test_what_waits_on_its_queue_when_its_event_grows_too_old_has_one_end() -> None:
    world = World(record_age_max_s=30.0)
    world.event("ann")
    world.provider.answer = in_turn(Deferred(Reason.THROTTLED, retry_after_s=60.0))
    await _die_uncommitted(world, lambda: bool(world.retry.messages))
    await world.clock.sleep(31.0)
    await _go_on(world)
    assert world.deliveries() == {"accepted": 1}


@in_virtual_time
async def test_what_waits_on_its_queue_when_its_user_opts_out_and_in_again_has_one_end() -> None:
    world = World()
    world.event("ann")
    world.provider.answer = in_turn(Deferred(Reason.THROTTLED, retry_after_s=60.0))
    await _die_uncommitted(world, lambda: bool(world.retry.messages))
    world.person("ann", opted_out=True)
    bob = await world.worker("bob")
    await world.until(lambda: world.accounted()["read"] == 1)
    world.directory.settings.clear()
    await world.settled()
    await bob.stopped()
    world.check_account()


@pytest.mark.parametrize("queued", [True, False], ids=["queued", "not_queued"])
@in_virtual_time
async def test_a_deferred_delivery_to_a_device_that_is_gone_has_one_end(queued: bool) -> None:
    world = World([paid(channels=(Channel.PUSH_IOS,))], channel=Channel.PUSH_IOS)
    devices = (DeviceToken("old", "apns"), DeviceToken("new", "apns"))
    world.directory.contacts["ann"] = Contact("ann", device_tokens=devices)
    world.event("ann")
    world.provider.answer = lambda delivery: (
        Deferred(Reason.THROTTLED, retry_after_s=20.0) if delivery.address == "old" else accept(delivery)
    )
    world.retry.faults.outage = None if queued else AWAY
    await _die_uncommitted(world, lambda: len(world.log.rows) == 2 and (not queued or bool(world.retry.messages)))
    world.retry.faults.outage = None
    world.directory.contacts["ann"] = Contact("ann", device_tokens=devices[1:])
    world.provider.answer = accept
    await _go_on(world)
    assert world.deliveries() == {"accepted": 1, "suppressed": 1}


@pytest.mark.parametrize("left", [[paid("other")], [paid("other", "elsewhere")]], ids=["another_type", "no_type"])
@in_virtual_time
async def test_a_deferred_delivery_without_its_message_does_not_wait_for_ever_where_its_type_is_gone(
    left: list[NotificationType],
) -> None:
    world = World([paid()])
    world.event("ann")
    world.provider.answer = in_turn(Deferred(Reason.THROTTLED))
    world.retry.faults.outage = AWAY
    await _die_uncommitted(world, lambda: bool(world.log.of_kind(RowKind.DEFERRED)))
    world.retry.faults.outage = None
    world.use_types(left)
    await _go_on(world)
    assert world.deliveries()["waiting"] == 0
    assert {row.reason for row in world.log.of_kind(RowKind.DEAD)} == {"type_unknown"}
    assert [message.reason for message in world.dead.messages[Channel.EMAIL]] == ["type_unknown"]
    assert world.accounted()["expanded"] == 1


@in_virtual_time
async def test_a_deferred_delivery_without_its_message_is_sent_where_its_type_matches_its_event_no_longer() -> (
    None
):
    """As it is where its message was queued: matching is for what comes anew."""
    world = World([paid()])
    world.event("ann")
    world.provider.answer = in_turn(Deferred(Reason.THROTTLED))
    world.retry.faults.outage = AWAY
    await _die_uncommitted(world, lambda: bool(world.log.of_kind(RowKind.DEFERRED)))
    world.retry.faults.outage = None
    world.use_types([paid("paid", "elsewhere")])
    await _go_on(world)
    assert world.deliveries() == {"accepted": 1}


@in_virtual_time
async def test_what_was_accepted_counts_as_expanded_though_its_event_is_matched_by_nothing_any_more() -> None:
    world = World([paid()])
    world.events(2)
    await _die_uncommitted(world, lambda: len(world.log.of_kind(RowKind.ACCEPTED)) == 2)
    world.use_types([paid("paid", "elsewhere")])
    await _go_on(world)
    assert world.deliveries() == {"accepted": 2}
    assert world.accounted()["expanded"] == 2


@pytest.mark.parametrize("reached_the_dlq", [True, False])
@in_virtual_time
async def test_what_a_filter_buried_stays_buried_on_every_channel_when_the_filter_is_mended(
    reached_the_dlq: bool,
) -> None:
    both = (Channel.SMS, Channel.EMAIL)
    world = World([paid(channels=both, filter=raises)], rules=DeliveryRules(frozenset(both)))
    world.beside[Channel.SMS] = FakeProvider(world.clock, channel=Channel.SMS)
    world.directory.contacts["ann"] = Contact("ann", "ann@example.com", phone="+491701234567")
    world.event("ann", words="Paid")
    world.dead.faults.outage = None if reached_the_dlq else AWAY
    await _die_uncommitted(world, lambda: bool(world.log.of_kind(RowKind.DEAD)))
    world.dead.faults.outage = None
    world.use_types([paid(channels=both)])
    await _go_on(world)
    assert world.deliveries() == {"dead": 1}
    assert not world.sent()
    assert not world.beside[Channel.SMS].requests
    assert {message.delivery for message in world.dead.messages[Channel.SMS]} == {None}


@pytest.mark.parametrize("change", ["address", "opt_out"])
@in_virtual_time
async def test_a_resend_that_was_listed_and_perhaps_made_has_one_end_whatever_its_user_is_now(change: str) -> None:
    world = World()
    world.event("ann")
    world.log.faults.outage = AWAY
    await _die_uncommitted(world, lambda: len(world.sent()) == 1)
    world.log.faults.outage = None
    hung = world.unanswered(lambda _: True)
    await _die_uncommitted(world, lambda: bool(world.log.of_kind(RowKind.POSSIBLE_DUPLICATE)))
    hung.clear()
    world.person("ann", email="new@example.com", opted_out=change == "opt_out")
    await _go_on(world)
    rows_of = {row.delivery_id: set[RowKind]() for row in world.log.rows}
    for row in world.log.rows:
        rows_of[row.delivery_id].add(row.kind)
    end = RowKind.ACCEPTED if change == "address" else RowKind.SUPPRESSED
    assert all(end in kinds for kinds in rows_of.values())
    assert len(rows_of) == 1


@in_virtual_time
async def test_what_a_predecessor_buried_reaches_the_dlq_though_its_user_opted_out_since() -> None:
    world = World([paid()], settings=msgspec.structs.replace(SETTINGS, retry=RetryPolicy(attempts_max=1)))
    world.event("ann")
    world.provider.answer = in_turn(Deferred(Reason.THROTTLED))
    world.dead.faults.outage = AWAY
    await _die_uncommitted(world, lambda: bool(world.log.of_kind(RowKind.DEAD)))
    world.dead.faults.outage = None
    world.person("ann", opted_out=True)
    await _go_on(world)
    assert world.deliveries() == {"dead": 1}
    assert [message.reason for message in world.dead.messages[Channel.EMAIL]] == ["attempts"]


@in_virtual_time
async def test_a_later_attempt_that_an_opt_out_ended_speaks_for_no_other_channel() -> None:
    both = (Channel.EMAIL, Channel.SMS)
    world = World([paid(channels=both)], rules=DeliveryRules(frozenset(both)))
    world.beside[Channel.SMS] = FakeProvider(world.clock, answer=lambda _: None, channel=Channel.SMS)
    world.directory.contacts["ann"] = Contact("ann", "ann@example.com", phone="+491701234567")
    world.event("ann", words="Paid")
    world.provider.answer = in_turn(Deferred(Reason.THROTTLED))
    await _die_uncommitted(world, lambda: bool(world.retry.messages))
    world.person("ann", opted_out=True)
    away = Wire()
    away.broken["source"] = AWAY
    bob = await world.worker("bob", wire=away)
    await world.until(lambda: bool(world.log.of_kind(RowKind.SUPPRESSED)))
    await bob.killed()
    world.directory.settings.clear()
    world.directory.contacts["ann"] = Contact("ann", "ann@example.com", phone="+491701234567")
    world.beside[Channel.SMS].answer = accept
    await _go_on(world)
    assert {row.channel: row.kind for row in world.log.of_kind(*ENDED)} == {
        Channel.EMAIL: RowKind.SUPPRESSED,
        Channel.SMS: RowKind.ACCEPTED,
    }


@in_virtual_time
async def test_what_was_deferred_on_a_channel_that_has_no_provider_any_more_is_dead_and_stops_no_shard() -> None:
    both = (Channel.EMAIL, Channel.SMS)
    world = World([paid(channels=both)], rules=DeliveryRules(frozenset(both)))
    sms = FakeProvider(world.clock, answer=lambda _: Deferred(Reason.THROTTLED), channel=Channel.SMS)
    world.beside[Channel.SMS] = sms
    world.directory.contacts["ann"] = Contact("ann", "ann@example.com", phone="+491701234567")
    world.event("ann", words="Paid")
    await _die_uncommitted(world, lambda: len(world.deliveries()) == 2)
    del world.beside[Channel.SMS]
    world.rules = DeliveryRules(frozenset({Channel.EMAIL}))
    await _go_on(world)
    assert world.deliveries() == {"accepted": 1, "dead": 1}
    assert [message.reason for message in world.dead.messages[None]] == ["type_unknown"]


@in_virtual_time
async def test_a_filter_that_raises_since_buries_what_is_in_doubt_beside_a_channel_without_an_address() -> None:
    both = (Channel.SMS, Channel.EMAIL)
    world = World([paid(channels=both)], rules=DeliveryRules(frozenset(both)))
    world.beside[Channel.SMS] = FakeProvider(world.clock, channel=Channel.SMS)
    world.unanswered(lambda _: True)
    world.event("ann")
    await _die_uncommitted(world, lambda: bool(world.log.of_kind(RowKind.SUPPRESSED)))
    world.use_types([paid(channels=both, filter=raises)])
    await _go_on(world)
    assert world.deliveries() == {"suppressed": 1, "dead": 1}
    assert sum(map(len, world.dead.messages.values())) == 1
