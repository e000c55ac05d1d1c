"""Every event ends under one name, and every delivery in one state."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Collection, Mapping
from hashlib import shake_128

import pytest

from notifyd.aws.retry_queue import pack
from notifyd.core.allow_list import AllowList
from notifyd.core.catalog import LookupPolicy, NotificationType
from notifyd.core.channel import Channel
from notifyd.core.event import Event
from notifyd.core.log_row import RowKind
from notifyd.core.message import Email, message_of
from notifyd.core.policy import DeliveryMode, DeliveryRules
from notifyd.core.sequence import AtTimestamp, Latest
from notifyd.core.user import Person
from notifyd.errors import ConfigError
from tests.fakes.streams import FakeSource
from tests.support.flow_rig import World, merchant_lookup, of, paid
from tests.support.virtual_time import in_virtual_time

EMAIL = frozenset({Channel.EMAIL})


@in_virtual_time
async def test_a_shard_that_does_not_say_whether_there_is_more_is_read_once_a_poll_while_it_is_followed() -> None:
    world = World()
    world.source = FakeSource(world.clock, knows_timestamps=False)
    worker = await world.worker()
    await world.clock.sleep(1)
    before = len(world.source.reads)
    for _ in range(500):
        world.event("u-1")
        await world.clock.sleep(0.02)
    assert len(world.source.reads) - before <= 10 / 0.1 + 1
    await world.settled()
    await worker.stopped()


@in_virtual_time
async def test_every_kind_of_event_and_delivery_is_accounted_for() -> None:
    world = World()
    world.person("out", opted_out=True)
    world.person("homeless", email=None)
    sent = world.events(30)
    world.event("out")
    world.event("homeless")
    world.directory.contacts.pop("nobody", None)
    world.event(source="elsewhere")
    world.event("u0", skip=True)
    world.event()
    world.put(b"{broken")
    worker = await world.worker()
    await world.settled()
    await worker.stopped()
    world.check_account()
    accounted = world.accounted()
    assert {name: number for name, number in accounted.items() if number} == {
        "read": 36,
        "expanded": 33,
        "unmatched": 1,
        "filtered": 1,
        "malformed": 1,
    }
    assert world.deliveries() == {"accepted": 30, "suppressed": 3}
    world.check_everybody_got_it(of("paid", sent, [f"u{number}" for number in range(30)]))
    assert not world.duplicates()


@in_virtual_time
async def test_a_malformed_record_goes_to_the_dlq_of_events_with_its_body() -> None:
    world = World()
    world.put(b"{broken")
    worker = await world.worker()
    await world.settled()
    await worker.stopped()
    [message] = world.dead.messages[None]
    assert message.body_base64 == "e2Jyb2tlbg=="
    assert message.reason
    assert any(subject.startswith("dlq-events") for subject in world.alerts.subjects())


@in_virtual_time
async def test_a_shard_whose_events_are_all_suppressed_or_filtered_moves_its_checkpoint_to_the_end() -> None:
    world = World()
    world.person("out", opted_out=True)
    for _ in range(250):
        world.event("out")
        world.event("out", skip=True)
    worker = await world.worker()
    await world.settled()
    await worker.stopped()
    [item] = world.table.shards.values()
    last = world.source.page("shard-0", item.start)
    assert item.progress.checkpoint == last.records[-1].position or item.progress.unsettled == b""
    assert world.accounted()["filtered"] == 250
    assert world.deliveries() == {"suppressed": 250}


def _choosy(event: Event, person: Person, facts: Mapping[str, object]) -> bool:  # noqa: ARG001 - a catalog filter
    if person.user_id == "raises":
        raise ZeroDivisionError
    return person.user_id != "declined"


@in_virtual_time
async def test_a_filter_that_raises_touches_its_event_alone() -> None:
    world = World([paid(filter=_choosy)])
    world.event("raises")
    world.event("declined")
    fine = world.event("fine")
    worker = await world.worker()
    await world.settled()
    await worker.stopped()
    world.check_account()
    assert world.deliveries() == {"dead": 1, "suppressed": 1, "accepted": 1}
    world.check_everybody_got_it(of("paid", [fine], ["fine"]))
    [message] = world.dead.messages[Channel.EMAIL]
    assert "ZeroDivisionError" in message.reason


@in_virtual_time
async def test_a_template_that_cannot_be_rendered_touches_its_event_alone() -> None:
    world = World([paid(), paid("rated", "rated", template="rated")])
    world.event("ann", detail_type="rated")
    world.event("bob")
    worker = await world.worker()
    await world.settled()
    await worker.stopped()
    world.check_account()
    assert world.deliveries() == {"dead": 1, "accepted": 1}
    assert len(world.dead.messages[Channel.EMAIL]) == 1


@in_virtual_time
async def test_what_a_template_makes_of_a_large_event_fits_the_dlq() -> None:
    """A queue that refuses a message keeps its record, and all behind it, from ever settling."""
    world = World([paid("rated", "rated", template="rated")])
    world.event("ann", detail_type="rated", file=b64encode(shake_128().digest(750_000)).decode())
    worker = await world.worker()
    await world.settled()
    await worker.stopped()
    [message] = world.dead.messages[Channel.EMAIL]
    assert len(pack(message)) <= 1_000_000
    assert message.body_bytes > 1_000_000


@in_virtual_time
async def test_what_went_wrong_becomes_no_label_of_a_metric() -> None:
    world = World([paid("rated", "rated", template="rated")])
    world.event("ann", detail_type="rated")
    worker = await world.worker()
    await world.settled()
    await worker.stopped()
    lines = [line for line in worker.metrics.text().decode().splitlines() if "deliveries_dead_total" in line]
    assert [line for line in lines if line.endswith(" 1.0")] == [
        'notifyd_deliveries_dead_total{channel="email",reason="template"} 1.0'
    ]
    assert world.alerts.subjects() == ["dlq-email: template"]


@in_virtual_time
async def test_an_event_for_more_users_than_there_are_slots_goes_out_in_parts() -> None:
    world = World()
    users = [f"fan{number}" for number in range(230)]
    event_id = world.event(*users)
    worker = await world.worker(slots_max=20)
    peak = 0

    def done() -> bool:
        nonlocal peak
        peak = max(peak, worker.engine.slots.used)
        return world.accounted()["read"] == 1

    await world.until(done)
    await worker.stopped()
    assert world.deliveries() == {"accepted": 230}
    assert peak <= 20
    world.check_everybody_got_it((event_id, user, "paid") for user in users)
    assert not world.duplicates()


@in_virtual_time
async def test_what_arrived_before_the_start_is_settled_unsent() -> None:
    start_s = 1_700_000_000.0
    world = World(starting_position=AtTimestamp(start_s))
    world.source = FakeSource(world.clock, knows_timestamps=False)
    world.event("early", arrival_s=start_s - 1)
    late = world.event("late", arrival_s=start_s + 1)
    worker = await world.worker()
    await world.settled()
    await worker.stopped()
    world.check_account()
    assert world.accounted()["before_start"] == 1
    world.check_everybody_got_it(of("paid", [late], ["late"]))


@in_virtual_time
async def test_an_event_older_than_its_source_allows_is_one_expired_delivery() -> None:
    world = World(record_age_max_s=60)
    world.event("ann", "bob", arrival_s=world.clock_at(-61))
    world.event("cid", arrival_s=world.clock_at(-30))
    worker = await world.worker()
    await world.settled()
    await worker.stopped()
    world.check_account()
    assert world.deliveries() == {"expired": 1, "accepted": 1}


@in_virtual_time
async def test_the_first_start_on_a_stream_with_data_wants_a_starting_position() -> None:
    world = World(starting_position=None)
    world.event("ann")
    worker = await world.worker()
    with pytest.raises(ConfigError, match="starting_position"):
        await worker.task
    assert not world.table.streams


@in_virtual_time
async def test_latest_sends_nothing_that_was_there_before_and_all_that_comes_after() -> None:
    world = World(starting_position=Latest())
    world.event("before", arrival_s=world.clock_at(-5))
    worker = await world.worker()
    await world.until(lambda: bool(world.table.shards))
    await world.clock.sleep(2)
    after = world.event("after")
    await world.until(lambda: bool(world.sent()))
    await worker.stopped()
    world.check_everybody_got_it(of("paid", [after], ["after"]))


@pytest.mark.parametrize(
    ("rules", "sent_to", "suppressed"),
    [
        (DeliveryRules(EMAIL, mode=DeliveryMode.DRY_RUN), [], {"dry_run": 2}),
        (DeliveryRules(EMAIL, allow=AllowList(["ann@*"])), ["ann@example.com"], {"not_allowed": 1}),
        (
            DeliveryRules(EMAIL, mode=DeliveryMode.REDIRECT, redirect_to={Channel.EMAIL: "me@example.com"}),
            ["me@example.com", "me@example.com"],
            {},
        ),
    ],
    ids=["dry_run", "recipients_allow", "redirect"],
)
@in_virtual_time
async def test_nobody_gets_what_the_operator_holds_back(
    rules: DeliveryRules, sent_to: list[str], suppressed: dict[str, int]
) -> None:
    world = World(rules=rules)
    world.event("ann")
    world.event("bob")
    worker = await world.worker()
    await world.settled()
    await worker.stopped()
    world.check_account()
    assert [delivery.address for batch in world.provider.requests for delivery in batch] == sent_to
    reasons = [row.reason for row in world.log.of_kind(RowKind.SUPPRESSED)]
    assert {reason: reasons.count(reason) for reason in reasons} == suppressed


class _Merchants:
    """A look-up that fails `failures` times."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.asked = 0

    async def fetch(self, keys: Collection[str]) -> Mapping[str, object]:
        self.asked += 1
        if self.asked <= self.failures:
            return {}
        return {key: {"name": f"Shop {key}"} for key in keys}


def _rated(on_failure: LookupPolicy, template: str = "rated") -> NotificationType:
    return paid("rated", "rated", template=template, lookups=(merchant_lookup(on_failure),))


@in_virtual_time
async def test_a_look_up_under_retry_sends_later_with_what_was_looked_up() -> None:
    merchants = _Merchants(failures=2)
    world = World([_rated(LookupPolicy.RETRY)], lookups={("rated", "merchant"): merchants})
    world.event("ann", detail_type="rated", merchant="m1")
    worker = await world.worker()
    await world.settled()
    await worker.stopped()
    world.check_account()
    assert world.deliveries() == {"accepted": 1}
    [[delivery]] = world.provider.requests
    assert message_of(delivery, Email).text == "Shop m1"
    assert not world.flagged()


@in_virtual_time
async def test_a_look_up_under_suppress_suppresses() -> None:
    world = World([_rated(LookupPolicy.SUPPRESS)], lookups={("rated", "merchant"): _Merchants(failures=9)})
    world.event("ann", detail_type="rated", merchant="m1")
    worker = await world.worker()
    await world.settled()
    await worker.stopped()
    assert world.deliveries() == {"suppressed": 1}
    assert [row.reason for row in world.log.of_kind(RowKind.SUPPRESSED)] == ["lookup_failed"]


@in_virtual_time
async def test_a_look_up_under_send_sends_without_it() -> None:
    world = World([_rated(LookupPolicy.SEND, "paid")], lookups={("rated", "merchant"): _Merchants(failures=9)})
    world.event("ann", detail_type="rated", merchant="m1")
    worker = await world.worker()
    await world.settled()
    await worker.stopped()
    assert world.deliveries() == {"accepted": 1}
