"""Answers that are no acceptance: what is tried again, how often, how late, and when it ends."""

from __future__ import annotations

from hashlib import shake_128
from string import printable
from typing import Any

import msgspec
import pytest

from notifyd.aws.retry_queue import pack
from notifyd.core.allow_list import AllowList
from notifyd.core.channel import Channel, InDoubt
from notifyd.core.dead_address import mark_of
from notifyd.core.log_row import RowKind
from notifyd.core.message import Delivery
from notifyd.core.outcome import Accepted, AddressGone, Deferred, Outcome, Reason, Rejected, Unknown
from notifyd.core.path import compile_path
from notifyd.core.policy import DeliveryMode, DeliveryRules
from notifyd.core.retry import RetryPolicy
from notifyd.core.user import Contact, DeviceToken, ExternalChannel
from notifyd.errors import NoAnswer, NotSent
from notifyd.ports import Limits, ProviderRoute
from tests.fakes.faults import LOST
from tests.fakes.provider import FakeProvider, accept, in_turn
from tests.support.flow_rig import SEND_TIMEOUT_S, SETTINGS, World, of, paid, raises
from tests.support.virtual_time import in_virtual_time

EMAIL = frozenset({Channel.EMAIL})
# As many characters of one byte each as JSON has: noise of them hardly compresses.
_NOT_ESCAPED = [character for character in printable[:95] if character not in '"\\']


def _later(delivery: Delivery) -> Outcome:  # noqa: ARG001 - an Answer
    return Deferred(Reason.THROTTLED)


@in_virtual_time
async def test_a_provider_that_never_answers_gets_one_request_an_attempt_and_a_flagged_resend() -> None:
    world = World()
    [event_id] = world.events(1)
    world.provider.answer = in_turn(None)
    worker = await world.worker()
    await world.until(lambda: bool(world.retry.messages))
    assert len(world.provider.requests) == 1
    [message] = world.retry.messages
    assert (message.attempt, message.in_doubt) == (2, True)
    await world.settled()
    await worker.stopped()
    assert len(world.provider.requests) == 2
    assert world.flagged() == set(of("paid", [event_id], ["u0"]))
    assert world.deliveries() == {"accepted": 1}
    kinds = [row.kind for row in world.log.rows]
    assert kinds == [RowKind.UNKNOWN, RowKind.CLAIM, RowKind.POSSIBLE_DUPLICATE, RowKind.ACCEPTED]


@in_virtual_time
async def test_a_request_that_is_never_answered_ends_after_the_send_timeout() -> None:
    world = World()
    world.events(1)
    world.provider.answer = lambda _: None
    worker = await world.worker()
    await world.until(lambda: bool(world.provider.requests))
    began_s = world.clock.elapsed_s()
    await world.until(lambda: world.accounted()["read"] == 1)
    assert world.clock.elapsed_s() - began_s == pytest.approx(SEND_TIMEOUT_S, abs=0.2)
    await worker.killed()


@in_virtual_time
async def test_a_type_that_holds_what_is_in_doubt_sends_once_and_leaves_it_to_a_person() -> None:
    world = World()
    world.events(1, detail_type="held")
    world.provider.answer = lambda _: None
    worker = await world.worker()
    await world.settled()
    await worker.stopped()
    world.check_account()
    assert len(world.provider.requests) == 1
    assert world.deliveries() == {"dead": 1}
    [message] = world.dead.messages[Channel.EMAIL]
    assert message.reason == Reason.IN_DOUBT_HELD
    assert message.delivery is not None
    assert [attempt.kind for attempt in message.delivery.story] == ["unknown"]
    assert world.alerts.subjects() == ["dlq-email: in_doubt_held"]


@in_virtual_time
async def test_a_deferred_delivery_is_accepted_later_and_its_message_is_deleted() -> None:
    world = World()
    events = world.events(3)
    world.provider.answer = in_turn(*[Deferred(Reason.THROTTLED)] * 3)
    worker = await world.worker()
    await world.settled()
    await worker.stopped()
    world.check_account()
    assert world.deliveries() == {"accepted": 3}
    assert world.retry.messages == []
    world.check_everybody_got_it(of("paid", events, ["u0", "u1", "u2"]))
    assert not world.duplicates()
    assert not world.flagged()


@in_virtual_time
async def test_after_attempts_max_a_delivery_is_dead_with_its_story_and_an_alert() -> None:
    world = World()
    world.events(1)
    world.provider.answer = _later
    worker = await world.worker()
    await world.settled(within_s=300)
    await worker.stopped()
    assert len(world.provider.requests) == world.settings.retry.attempts_max
    assert world.deliveries() == {"dead": 1}
    [message] = world.dead.messages[Channel.EMAIL]
    assert message.reason == Reason.ATTEMPTS
    assert message.delivery is not None
    assert [attempt.attempt for attempt in message.delivery.story] == [1, 2, 3, 4]
    assert "dlq-email: attempts" in world.alerts.subjects()


@in_virtual_time
async def test_past_its_deadline_a_delivery_is_expired_and_never_sent_late() -> None:
    policy = RetryPolicy(attempts_max=100, backoff_base_s=1.0, backoff_max_s=8.0)
    world = World([paid(deadline_s=30.0)])
    world.events(1)
    world.provider.answer = _later
    worker = await world.worker(retry=policy)
    await world.settled(within_s=100)
    await worker.stopped()
    assert world.clock.elapsed_s() < 40
    assert world.deliveries() == {"expired": 1}
    assert len(world.provider.requests) > 2


@in_virtual_time
async def test_what_is_read_after_its_deadline_is_never_sent() -> None:
    world = World([paid(deadline_s=30.0)])
    world.event("ann", arrival_s=world.clock_at(-31))
    worker = await world.worker()
    await world.settled()
    await worker.stopped()
    assert world.deliveries() == {"expired": 1}
    assert world.provider.requests == []


@in_virtual_time
async def test_retry_after_is_waited_for() -> None:
    world = World()
    world.events(1)
    world.provider.answer = in_turn(Deferred(Reason.THROTTLED, retry_after_s=40.0))
    worker = await world.worker()
    await world.until(lambda: len(world.provider.requests) == 1)
    first_s = world.clock.elapsed_s()
    await world.until(lambda: len(world.provider.requests) == 2)
    assert world.clock.elapsed_s() - first_s >= 39.0
    await world.settled()
    await worker.stopped()


@in_virtual_time
async def test_a_wait_longer_than_a_queue_can_delay_is_chained() -> None:
    world = World()
    world.events(1)
    world.provider.answer = in_turn(Deferred(Reason.THROTTLED, retry_after_s=2_000.0))
    worker = await world.worker()
    await world.until(lambda: len(world.provider.requests) == 2, within_s=2_100)
    assert world.clock.elapsed_s() >= 1_999.0
    await world.settled()
    await worker.stopped()
    assert not world.duplicates()


@pytest.mark.parametrize("outcome", [Rejected(Reason.ADDRESS_INVALID), AddressGone()])
@in_virtual_time
async def test_what_is_refused_for_good_is_not_tried_again(outcome: Outcome) -> None:
    world = World()
    world.events(1)
    world.provider.answer = in_turn(outcome)
    worker = await world.worker()
    await world.settled()
    await worker.stopped()
    world.check_account()
    assert world.deliveries() == {"rejected": 1}
    assert len(world.provider.requests) == 1


@in_virtual_time
async def test_a_throttling_provider_is_not_stormed() -> None:
    world = World()
    world.events(100)
    world.provider.answer = lambda delivery: _later(delivery) if world.clock.elapsed_s() < 20 else accept(delivery)
    policy = RetryPolicy(attempts_max=50, backoff_base_s=1.0, backoff_max_s=8.0)
    worker = await world.worker(retry=policy)
    await world.settled(within_s=200)
    await worker.stopped()
    assert world.deliveries() == {"accepted": 100}
    attempts = sum(len(batch) for batch in world.provider.requests)
    assert attempts < 100 * 20


@in_virtual_time
async def test_no_request_holds_more_than_the_account_may_send_in_a_second() -> None:
    world = World()
    world.events(20)
    world.provider.limits = Limits(batch_max=50, in_flight_max=4, payload_bytes_max=1 << 20, rate_per_s=3.5)
    worker = await world.worker()
    await world.settled(within_s=200)
    await worker.stopped()
    assert world.deliveries() == {"accepted": 20}
    assert max(len(batch) for batch in world.provider.requests) == 3


@pytest.mark.parametrize("lost", LOST.values(), ids=LOST.keys())
@in_virtual_time
async def test_a_claim_whose_answer_was_lost_is_known_again(lost: Exception) -> None:
    world = World()
    world.events(5, detail_type="held")
    world.provider.answer = in_turn(*[Deferred(Reason.THROTTLED)] * 5)
    world.log.faults.lose_answers("claim_attempt", 2, lost)
    worker = await world.worker()
    await world.settled()
    await worker.stopped()
    assert world.deliveries() == {"accepted": 5}
    assert not world.flagged()


@in_virtual_time
async def test_what_is_put_off_again_and_again_waits_longer_each_time() -> None:
    world = World()
    world.events(1)
    hung = world.unanswered(lambda _: True)
    world.provider.limits = Limits(batch_max=1, in_flight_max=1, payload_bytes_max=1 << 20)
    worker = await world.worker(
        deliver=msgspec.structs.replace(world.settings.deliver, queue_wait_max_s=0.1, send_timeout_s=300.0)
    )
    world.events(1)
    await world.clock.sleep(200)
    deferred = world.log.of_kind(RowKind.DEFERRED)
    hung.clear()
    worker.stop.set()
    assert 3 <= len(deferred) <= 10


@in_virtual_time
async def test_a_slow_provider_holds_no_shard_back() -> None:
    world = World()
    world.provider.limits = Limits(batch_max=1, in_flight_max=1, payload_bytes_max=1 << 20, rate_per_s=2.0)
    world.events(60)
    worker = await world.worker()
    await world.until(lambda: world.accounted()["read"] == 60, within_s=10)
    await world.settled(within_s=400)
    await worker.stopped()
    world.check_account()
    assert world.deliveries() == {"accepted": 60}
    assert not world.duplicates()
    assert not world.flagged()
    assert world.clock.elapsed_s() < 120


@in_virtual_time
async def test_a_user_who_opts_out_before_the_next_attempt_gets_nothing() -> None:
    world = World()
    world.events(1)
    world.provider.answer = in_turn(Deferred(Reason.THROTTLED, retry_after_s=5.0))
    worker = await world.worker()
    await world.until(lambda: bool(world.retry.messages))
    world.person("u0", opted_out=True)
    await world.settled()
    await worker.stopped()
    world.check_account()
    assert world.deliveries() == {"suppressed": 1}
    assert world.sent() == {}


@in_virtual_time
async def test_a_user_who_opts_out_after_all_was_taken_is_not_told_to_have_got_nothing() -> None:
    """The first sender was only slow; its row comes while the delivery waits, in doubt, to be tried again."""
    world = World()
    world.events(1)
    world.provider.answer = in_turn(None)
    ann = await world.worker("ann")
    await world.until(lambda: bool(world.retry.messages))
    [unknown] = world.log.rows
    await world.log.append([msgspec.structs.replace(unknown, kind=RowKind.ACCEPTED, reason="")])
    world.person("u0", opted_out=True)
    await world.settled()
    await ann.stopped()
    assert not world.log.of_kind(RowKind.SUPPRESSED)


@in_virtual_time
async def test_an_address_called_gone_meanwhile_is_sent_nothing_though_the_user_has_another() -> None:
    world = World([paid(channels=(Channel.PUSH_IOS,))], channel=Channel.PUSH_IOS)
    devices = (DeviceToken("old", "apns"), DeviceToken("new", "apns"))
    world.directory.contacts["ann"] = Contact("ann", device_tokens=devices)
    world.event("ann")
    world.provider.answer = in_turn(Deferred(Reason.THROTTLED, retry_after_s=5.0))
    worker = await world.worker()
    await world.until(lambda: bool(world.retry.messages))
    marks = (mark_of(Channel.PUSH_IOS, "old"),)
    world.directory.contacts["ann"] = Contact("ann", device_tokens=devices, suppressed=marks)
    await world.settled()
    await worker.stopped()
    world.check_account()
    assert world.deliveries() == {"accepted": 1, "suppressed": 1}
    assert [row.reason for row in world.log.of_kind(RowKind.SUPPRESSED)] == ["on_suppression_list"]


@pytest.mark.parametrize(
    ("rules", "sent_to"),
    [
        (
            DeliveryRules(EMAIL, mode=DeliveryMode.REDIRECT, redirect_to={Channel.EMAIL: "me@example.com"}),
            ["me@example.com"],
        ),
        (DeliveryRules(EMAIL, allow=AllowList(["new@*"])), []),
    ],
    ids=["redirect", "recipients_allow"],
)
@in_virtual_time
async def test_a_later_attempt_goes_nowhere_that_the_operator_has_closed_since(
    rules: DeliveryRules, sent_to: list[str]
) -> None:
    world = World()
    world.event("ann")
    world.provider.answer = in_turn(Deferred(Reason.THROTTLED, retry_after_s=5.0))
    first = await world.worker("first")
    await world.until(lambda: bool(world.retry.messages))
    await first.stopped()
    world.rules = rules
    world.person("ann", email="new@example.com")
    requests = len(world.provider.requests)
    second = await world.worker("second")
    await world.settled()
    await second.stopped()
    world.check_account()
    assert [delivery.address for batch in world.provider.requests[requests:] for delivery in batch] == sent_to


@in_virtual_time
async def test_a_chat_address_that_its_user_gave_up_is_no_other_platforms() -> None:
    rules = DeliveryRules(frozenset({Channel.CHAT}), chat_platforms=("slack", "webhook"))
    world = World([paid(channels=(Channel.CHAT,))], rules=rules, channel=Channel.CHAT)
    slack = FakeProvider(world.clock, name="slack", channel=Channel.CHAT)
    slack.answer = in_turn(Deferred(Reason.THROTTLED, retry_after_s=5.0))
    world.others = [ProviderRoute(slack, 1.0, "slack")]
    world.platform = "webhook"
    hook = ExternalChannel("webhook", "https://hook.example.com")
    world.directory.contacts["ann"] = Contact("ann", external_channels=(ExternalChannel("slack", "#ann"), hook))
    world.event("ann")
    worker = await world.worker()
    await world.until(lambda: bool(world.retry.messages))
    world.directory.contacts["ann"] = Contact("ann", external_channels=(hook,))
    await world.settled()
    await worker.stopped()
    assert [delivery.address for batch in world.provider.requests for delivery in batch] == [hook.url]
    assert [delivery.address for batch in slack.requests for delivery in batch] == ["#ann", "#ann"]


@in_virtual_time
async def test_a_changed_address_changes_nothing_about_a_delivery_under_way() -> None:
    world = World()
    world.events(1)
    world.provider.answer = in_turn(Deferred(Reason.THROTTLED, retry_after_s=5.0))
    worker = await world.worker()
    await world.until(lambda: bool(world.retry.messages))
    world.person("u0", email="new@example.com")
    await world.settled()
    await worker.stopped()
    first, second = (batch[0] for batch in world.provider.requests)
    assert (second.delivery_id, second.address) == (first.delivery_id, "u0@example.com")


@in_virtual_time
async def test_a_delivery_whose_type_no_longer_uses_its_channel_does_not_vanish() -> None:
    world = World()
    world.events(1)
    world.provider.answer = in_turn(Deferred(Reason.THROTTLED, retry_after_s=5.0))
    worker = await world.worker()
    await world.until(lambda: bool(world.retry.messages))
    await worker.killed()
    world.use_types([paid(channels=(Channel.SMS,))])
    worker = await world.worker("bob")
    await world.settled()
    await worker.stopped()
    world.check_account()
    assert world.deliveries()["waiting"] == 0


@pytest.mark.parametrize(
    ("fault", "reason"),
    [({"data": compile_path("detail.nothing")}, "template"), ({"filter": raises}, "filter_raised")],
)
@in_virtual_time
async def test_a_later_attempt_that_is_not_to_be_rendered_or_decided_is_dead_as_such_with_its_story(
    fault: dict[str, Any], reason: str
) -> None:
    both = (Channel.SMS, Channel.EMAIL)
    world = World([paid(channels=both)], rules=DeliveryRules(frozenset(both)))
    world.beside[Channel.SMS] = FakeProvider(world.clock, channel=Channel.SMS)
    world.events(1)
    world.provider.answer = in_turn(Deferred(Reason.THROTTLED, retry_after_s=5.0))
    ann = await world.worker()
    await world.until(lambda: bool(world.retry.messages))
    await ann.stopped()
    world.use_types([paid(channels=both, **fault)])
    bob = await world.worker("bob")
    await world.settled()
    await bob.stopped()
    [row] = world.log.of_kind(RowKind.DEAD)
    assert (row.channel, row.reason) == (Channel.EMAIL, reason)
    [message] = world.dead.messages[Channel.EMAIL]
    assert message.delivery is not None
    assert [attempted.reason for attempted in message.delivery.story] == ["throttled"]


@in_virtual_time
async def test_entries_that_the_queue_refuses_are_put_again_alone() -> None:
    world = World()
    world.events(5)
    world.provider.answer = in_turn(*[Deferred(Reason.THROTTLED)] * 5)
    worker = await world.worker()
    await world.until(lambda: bool(world.provider.requests))
    world.retry.refused = {world.provider.requests[0][2].delivery_id}
    await world.settled()
    await worker.stopped()
    ids = [message.delivery_id for message in world.retry.put_messages]
    assert len(ids) == len(set(ids)) == 5
    assert world.deliveries() == {"accepted": 5}


@in_virtual_time
async def test_a_message_that_comes_twice_is_sent_once() -> None:
    world = World()
    world.events(1)
    world.provider.answer = in_turn(Deferred(Reason.THROTTLED))
    worker = await world.worker()
    await world.until(lambda: bool(world.retry.messages))
    await world.retry.put(world.retry.messages)
    await world.settled()
    await worker.stopped()
    assert sum(world.sent().values()) == 1
    assert world.deliveries() == {"accepted": 1}


@in_virtual_time
async def test_a_message_not_deleted_is_not_sent_again() -> None:
    world = World()
    world.events(1)
    world.provider.answer = in_turn(Deferred(Reason.THROTTLED))
    world.retry.faults.refuse("delete", *[NoAnswer("lost") for _ in range(6)])
    worker = await world.worker()
    await world.settled()
    await worker.stopped()
    assert sum(world.sent().values()) == 1
    assert not world.flagged()


@in_virtual_time
async def test_a_stop_waits_until_the_message_of_what_was_sent_is_deleted() -> None:
    world = World()
    world.events(1)
    world.provider.answer = in_turn(Deferred(Reason.THROTTLED))
    worker = await world.worker()
    await world.until(lambda: bool(world.retry.messages))
    world.retry.faults.refuse("delete", *[NoAnswer("lost") for _ in range(4)])
    await world.until(lambda: bool(world.log.of_kind(RowKind.ACCEPTED)), every_s=0.001)
    await worker.stopped()
    assert world.retry.messages == []


@pytest.mark.parametrize("outcome", [Deferred(Reason.THROTTLED), Unknown(Reason.NO_ANSWER)])
@pytest.mark.parametrize("kind", ["paid", "held"])
@in_virtual_time
async def test_an_event_that_no_queue_takes_ends_on_the_dlq_cut_short(kind: str, outcome: Outcome) -> None:
    words = "".join(_NOT_ESCAPED[byte % len(_NOT_ESCAPED)] for byte in shake_128(b"noise").digest(1_040_000))
    world = World(settings=msgspec.structs.replace(SETTINGS, bytes_in_process_max=64 << 20))
    world.event("ann", detail_type=kind, words=words)
    world.provider.answer = in_turn(outcome)
    worker = await world.worker()
    await world.settled()
    await worker.stopped()
    world.check_account()
    assert world.deliveries() == {"dead": 1}
    [message] = world.dead.messages[Channel.EMAIL]
    assert len(pack(message)) < 1 << 20
    assert message.body_bytes > 1_040_000
    assert message.delivery is not None
    assert message.delivery.user_id == "ann"


@in_virtual_time
async def test_two_workers_at_one_retry_queue_make_each_attempt_once() -> None:
    world = World()
    world.events(40)
    world.provider.answer = in_turn(*[Deferred(Reason.THROTTLED)] * 40)
    workers = [await world.worker("ann"), await world.worker("bob")]
    await world.settled()
    for worker in workers:
        await worker.stopped()
    world.check_account()
    assert world.deliveries() == {"accepted": 40}
    assert not world.duplicates()


@in_virtual_time
async def test_handing_over_what_was_not_begun_is_no_attempt() -> None:
    world = World()
    world.provider.limits = Limits(batch_max=1, in_flight_max=1, payload_bytes_max=1 << 20, rate_per_s=0.5)
    world.events(20)
    policy = msgspec.structs.replace(world.settings.retry, attempts_max=1)
    worker = await world.worker(retry=policy)
    await world.settled(within_s=600)
    await worker.stopped()
    assert world.deliveries() == {"accepted": 20}


@in_virtual_time
async def test_a_bug_in_a_provider_is_an_answer_nobody_knows() -> None:
    world = World()
    world.events(2)
    bugs = [True]

    def buggy(delivery: Delivery) -> Outcome:
        if bugs:
            bugs.pop()
            raise ZeroDivisionError
        return Accepted(delivery.delivery_id)

    world.provider.answer = buggy
    worker = await world.worker()
    await world.settled()
    await worker.stopped()
    world.check_account()
    assert world.deliveries() == {"accepted": 2}
    assert len(world.flagged()) == 2


@in_virtual_time
async def test_a_held_type_whose_first_attempt_was_refused_outright_is_tried_again() -> None:
    world = World([paid("held", "held", in_doubt=InDoubt.HOLD)])
    world.events(1, detail_type="held")
    world.provider.answer = in_turn(Deferred(Reason.NO_CONNECTION))
    worker = await world.worker()
    await world.settled()
    await worker.stopped()
    assert world.deliveries() == {"accepted": 1}


@pytest.mark.parametrize("opted_out", [False, True])
@in_virtual_time
async def test_what_was_buried_by_a_retry_that_died_before_the_dlq_took_it_gets_there(opted_out: bool) -> None:
    world = World([paid(in_doubt=InDoubt.HOLD)])
    world.provider.answer = in_turn(Deferred(Reason.PROVIDER_ERROR), None)
    world.events(1)
    ann = await world.worker("ann")
    world.dead.faults.outage = NotSent("away")
    await world.until(lambda: bool(world.log.of_kind(RowKind.DEAD)))
    await ann.killed()
    world.dead.faults.outage = None
    world.person("u0", opted_out=opted_out)
    bob = await world.worker("bob")
    await world.settled(within_s=300)
    await bob.stopped()
    assert [message.reason for message in world.dead.messages[Channel.EMAIL]] == [Reason.IN_DOUBT_HELD]
    assert world.deliveries() == {"dead": 1}
    assert len(world.provider.requests) == 2


@in_virtual_time
async def test_a_message_that_nobody_can_make_anything_of_touches_no_other() -> None:
    world = World()
    world.events(2)
    world.provider.answer = in_turn(*[Deferred(Reason.THROTTLED, retry_after_s=5.0)] * 2)
    worker = await world.worker()
    await world.until(lambda: len(world.retry.messages) == 2)
    broken = msgspec.structs.replace(world.retry.messages[0], position="nowhere", not_before_s=0.0)
    await world.retry.put([broken])
    await world.until(lambda: len(world.retry.messages) == 1)
    assert world.deliveries() == {"accepted": 2}
    assert worker.engine.slots.used == 0
    await worker.stopped()


@pytest.mark.parametrize("opted_out", [False, True])
@in_virtual_time
async def test_each_copy_of_an_event_that_nobody_dedupes_comes_to_an_end_of_its_own(opted_out: bool) -> None:
    """Under one id one of the two is sent, and the other's position is no position without an end."""
    world = World()
    event_id = world.event("ann")
    world.repeat(event_id)
    world.provider.answer = in_turn(*[Deferred(Reason.THROTTLED, retry_after_s=5.0)] * 2)
    worker = await world.worker()
    await world.until(lambda: len(world.retry.messages) == 2)
    world.person("ann", opted_out=opted_out)
    await world.settled()
    await worker.stopped()
    end = RowKind.SUPPRESSED if opted_out else RowKind.ACCEPTED
    assert len({row.position for row in world.log.of_kind(end)}) == 2
    assert len(world.sent()) == (0 if opted_out else 1)
    assert not world.duplicates()
