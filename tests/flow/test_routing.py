"""Several providers of one channel: who gets what, and what happens when one of them fails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import msgspec
import pytest

from notifyd.core.channel import Channel
from notifyd.core.log_row import RowKind
from notifyd.core.outcome import Accepted, Deferred, Outcome, Reason, Rejected, Unknown
from notifyd.core.provider_standing import Seen
from notifyd.core.switches import ProviderSwitch
from notifyd.errors import NotSent
from notifyd.flow.switchboard import LOOK_INTERVAL_S
from notifyd.ports import Limits, ProviderRoute
from tests.fakes.control_table import FakeControlTable
from tests.fakes.provider import FakeProvider
from tests.support.flow_rig import SETTINGS, World, paid
from tests.support.virtual_time import in_virtual_time

FAILED = Deferred(Reason.PROVIDER_ERROR)
PATIENT = msgspec.structs.replace(SETTINGS.deliver, queue_wait_max_s=100.0)


def _two(weight: float = 1.0, other_weight: float = 1.0) -> tuple[World, FakeProvider]:
    world = World()
    other = FakeProvider(world.clock, latency_s=0.05, name="other")
    world.weight = weight
    world.others = [ProviderRoute(other, other_weight)]
    return world, other


def _sent_times(*providers: FakeProvider) -> Counter[str]:
    return Counter(delivery_id for provider in providers for delivery_id in provider.taken)


def _accepted_by(world: World) -> Counter[str]:
    return Counter(row.provider for row in world.log.of_kind(RowKind.ACCEPTED))


@in_virtual_time
async def test_deliveries_are_shared_out_by_weight() -> None:
    world, other = _two(80, 20)
    world.events(1000)
    worker = await world.worker()
    await world.settled()
    await worker.stopped()
    assert 720 <= len(world.provider.taken) <= 880
    assert len(world.provider.taken) + len(other.taken) == 1000
    assert world.deliveries() == {"accepted": 1000}


@pytest.mark.parametrize(
    "refusal",
    [FAILED, Deferred(Reason.CREDENTIALS), Deferred(Reason.QUOTA), Deferred(Reason.THROTTLED, 30.0)],
)
@in_virtual_time
async def test_what_one_provider_refuses_for_its_own_reasons_goes_to_the_other_at_once(refusal: Outcome) -> None:
    world, other = _two(1, 0)
    world.provider.answer = lambda _: refusal
    world.events(40)
    worker = await world.worker()
    await world.until(lambda: len(other.taken) == 40, within_s=5)
    await world.settled()
    await worker.stopped()
    assert set(_sent_times(world.provider, other).values()) == {1}
    assert _accepted_by(world) == {"other": 40}
    assert not world.log.of_kind(RowKind.DEFERRED), "a refusal that moved on has no row of its own"
    rows = world.log.of_kind(RowKind.ACCEPTED)
    assert any((row.detail or {}).get("refused_by") == ("fake",) for row in rows)


@pytest.mark.parametrize("answer", [Rejected(Reason.ADDRESS_INVALID), Rejected(Reason.MESSAGE_REFUSED)])
@in_virtual_time
async def test_a_fault_of_address_or_message_goes_to_nobody_else(answer: Outcome) -> None:
    world, other = _two(1, 0)
    world.provider.answer = lambda _: answer
    world.events(40)
    worker = await world.worker()
    await world.settled()
    await worker.stopped()
    assert not other.requests
    assert world.deliveries() == {"rejected": 40}


@in_virtual_time
async def test_what_may_have_been_taken_never_goes_to_another_provider_at_once() -> None:
    world, other = _two(1, 0)
    world.use_types([paid()])
    answers: list[Outcome] = [Unknown(Reason.NO_ANSWER)]
    world.provider.answer = lambda _: answers.pop() if answers else Accepted("x")
    [event_id] = world.events(1)
    worker = await world.worker()
    await world.until(lambda: bool(world.log.of_kind(RowKind.UNKNOWN)))
    assert not other.requests
    await world.settled()
    await worker.stopped()
    assert {flagged[0] for flagged in world.flagged()} == {event_id}


@in_virtual_time
async def test_where_all_refuse_it_is_tried_again_later_with_the_whole_story() -> None:
    world, other = _two()
    left = {"fake": 1, "other": 1}

    def refuse_once(name: str) -> Outcome:
        left[name] -= 1
        return FAILED if left[name] >= 0 else Accepted(name)

    world.provider.answer = lambda _: refuse_once("fake")
    other.answer = lambda _: refuse_once("other")
    world.events(1)
    worker = await world.worker()
    await world.settled()
    await worker.stopped()
    assert world.deliveries() == {"accepted": 1}
    assert len(world.provider.requests) + len(other.requests) == 3
    [deferred] = world.log.of_kind(RowKind.DEFERRED)
    assert len((deferred.detail or {})["refused_by"]) == 1


@in_virtual_time
async def test_a_provider_that_fails_gets_probes_alone_until_it_is_well_again() -> None:
    world, other = _two(1, 0)
    world.provider.answer = lambda _: FAILED
    worker = await world.worker()
    world.events(500)
    await world.settled()
    asked = sum(map(len, world.provider.requests))
    for _ in range(60):
        world.events(20)
        await world.clock.sleep(1)
    probes = sum(map(len, world.provider.requests)) - asked
    assert probes <= 12, "one delivery a probe, each later than the one before"
    well = type(world.provider)(world.clock).answer
    world.provider.answer = well
    before = len(world.provider.taken)
    for _ in range(90):
        world.events(20)
        await world.clock.sleep(1)
    assert len(world.provider.taken) > before + 300
    await world.settled()
    await worker.stopped()
    assert world.deliveries() == {"accepted": 500 + 60 * 20 + 90 * 20}
    assert set(_sent_times(world.provider, other).values()) == {1}


@in_virtual_time
async def test_a_disabled_provider_gets_nothing_within_five_seconds_and_its_queue_goes_to_others() -> None:
    world, other = _two(1, 0)
    slow = Limits(batch_max=5, in_flight_max=1, payload_bytes_max=1 << 20, rate_per_s=5.0)
    world.provider = FakeProvider(world.clock, latency_s=0.05, limits=slow)
    world.events(300)
    worker = await world.worker(deliver=PATIENT)
    await world.until(lambda: len(world.provider.taken) >= 10)
    await world.control.switch("fake", ProviderSwitch.DISABLED)
    await world.clock.sleep(5.0)
    sent = len(world.provider.taken)
    await world.settled()
    assert len(world.provider.taken) == sent
    assert len(other.taken) == 300 - sent
    await world.control.switch("fake", ProviderSwitch.ENABLED)
    await world.clock.sleep(5.0)
    world.events(20)
    await world.settled()
    await worker.stopped()
    assert len(world.provider.taken) > sent
    assert world.deliveries() == {"accepted": 320}


@in_virtual_time
async def test_what_is_being_listed_when_its_provider_is_disabled_goes_to_others() -> None:
    world, other = _two(1, 0)
    answers: list[Outcome] = [Unknown(Reason.NO_ANSWER)]
    world.provider.answer = lambda _: answers.pop() if answers else Accepted("x")
    world.events(1)
    worker = await world.worker()
    await world.until(lambda: bool(world.log.of_kind(RowKind.CLAIM)), every_s=0.001)
    worker.wire.broken["log"] = NotSent("away")
    await world.control.switch("fake", ProviderSwitch.DISABLED)
    await world.clock.sleep(LOOK_INTERVAL_S + 1)
    worker.wire.broken.clear()
    await world.settled()
    await worker.stopped()
    assert len(world.provider.requests) == 1
    assert len(other.taken) == 1


@in_virtual_time
async def test_a_draining_provider_sends_what_it_has_and_gets_nothing_new() -> None:
    world, other = _two(1, 0)
    slow = Limits(batch_max=5, in_flight_max=1, payload_bytes_max=1 << 20, rate_per_s=20.0)
    world.provider = FakeProvider(world.clock, latency_s=0.05, limits=slow)
    world.events(100)
    worker = await world.worker(deliver=PATIENT)
    await world.until(lambda: len(world.provider.taken) >= 10)
    await world.control.switch("fake", ProviderSwitch.DRAINING)
    await world.clock.sleep(LOOK_INTERVAL_S + 1)
    world.events(100)
    await world.settled()
    await worker.stopped()
    assert len(world.provider.taken) == 100
    assert len(other.taken) == 100


@in_virtual_time
async def test_without_any_enabled_provider_deliveries_wait_and_nothing_is_lost() -> None:
    world = World()
    await world.control.switch("fake", ProviderSwitch.DISABLED)
    worker = await world.worker()
    await world.clock.sleep(LOOK_INTERVAL_S)
    world.events(50)
    await world.clock.sleep(60)
    assert not world.provider.requests
    assert len(world.retry.messages) == 50
    await world.control.switch("fake", ProviderSwitch.ENABLED)
    await world.settled(within_s=300)
    await worker.stopped()
    world.check_account()
    assert world.deliveries() == {"accepted": 50}
    assert not world.duplicates()


@in_virtual_time
async def test_deliveries_of_a_paused_type_wait_and_others_go_on() -> None:
    world = World()
    worker = await world.worker()
    await world.control.pause("paid")
    await world.clock.sleep(5)
    world.events(30)
    world.events(30, detail_type="held")
    await world.clock.sleep(60)
    assert Counter(one.type_name for batch in world.provider.requests for one in batch) == {"held": 30}
    await world.control.resume("paid")
    await world.settled(within_s=300)
    await worker.stopped()
    world.check_account()
    assert world.deliveries() == {"accepted": 60}
    assert not world.duplicates()


class _Unreportable(FakeControlTable):
    async def report(self, worker_id: str, at_s: float, providers: Sequence[Seen]) -> None:
        raise NotSent(f"{worker_id} at {at_s}: {len(providers)} refused")


@in_virtual_time
async def test_a_switch_is_followed_where_the_workers_own_report_is_refused() -> None:
    world = World()
    world.control = _Unreportable()
    await world.control.switch("fake", ProviderSwitch.DISABLED)
    worker = await world.worker()
    await worker.engine.switchboard.look()
    assert worker.engine.switchboard.current.of("fake") is ProviderSwitch.DISABLED
    await worker.stopped()


@in_virtual_time
async def test_without_the_control_table_the_last_switches_stand() -> None:
    world, other = _two(1, 0)
    await world.control.switch("fake", ProviderSwitch.DISABLED)
    worker = await world.worker()
    await world.clock.sleep(LOOK_INTERVAL_S)
    world.control.failing = True
    world.events(50)
    await world.settled()
    await world.clock.sleep(LOOK_INTERVAL_S)
    assert len(other.taken) == 50
    assert worker.engine.watch.dependencies["control_table"].failing_since_s is not None
    await worker.stopped()


@in_virtual_time
async def test_a_group_is_never_sent_faster_than_its_rate_and_holds_no_other_back() -> None:
    world = World()
    sent_at_s: dict[str, list[float]] = {}

    def take(delivery: object) -> Outcome:
        address = getattr(delivery, "address", "")
        sent_at_s.setdefault(address, []).append(world.clock.elapsed_s())
        return Accepted("x")

    limits = Limits(batch_max=1, in_flight_max=32, payload_bytes_max=1 << 20, group_rate_per_s=1.0)
    world.provider = FakeProvider(
        world.clock, answer=take, latency_s=0.05, limits=limits, group_key=lambda delivery: delivery.address
    )
    for _ in range(20):
        world.event("busy")
    world.events(50)
    worker = await world.worker(deliver=PATIENT)
    await world.settled()
    await worker.stopped()
    times = sent_at_s.pop("busy@example.com")
    assert len(times) == 20
    assert min(later - earlier for earlier, later in pairwise(times)) >= 0.99
    assert max(sent[0] for sent in sent_at_s.values()) < times[3]


@in_virtual_time
async def test_three_workers_together_never_send_to_a_group_faster_than_its_rate() -> None:
    shards = [f"shard-{number}" for number in range(3)]
    world = World(shards=shards)
    limits = Limits(batch_max=1, in_flight_max=32, payload_bytes_max=1 << 20, group_rate_per_s=1.0)
    sent_at_s: list[float] = []

    def take(_: object) -> Outcome:
        sent_at_s.append(world.clock.elapsed_s())
        return Accepted("x")

    world.provider = FakeProvider(
        world.clock, answer=take, latency_s=0.05, limits=limits, group_key=lambda delivery: delivery.address
    )
    workers = [await world.worker(f"w{number}", deliver=PATIENT) for number in range(3)]
    await world.clock.sleep(40)  # until the shards are shared out
    for number in range(30):
        world.event("busy", shard=shards[number % 3])
    await world.settled()
    for worker in workers:
        await worker.stopped()
    assert len(sent_at_s) == 30
    assert min(later - earlier for earlier, later in pairwise(sent_at_s)) >= 0.999


@in_virtual_time
async def test_four_workers_together_keep_an_accounts_rate() -> None:
    shards = [f"shard-{number}" for number in range(4)]
    world = World(shards=shards)
    limits = Limits(batch_max=10, in_flight_max=32, payload_bytes_max=1 << 20, rate_per_s=100.0)
    sent_at_s: list[float] = []

    def take(_: object) -> Outcome:
        sent_at_s.append(world.clock.elapsed_s())
        return Accepted("x")

    world.provider = FakeProvider(world.clock, answer=take, latency_s=0.05, limits=limits)
    workers = [await world.worker(f"w{number}", deliver=PATIENT) for number in range(4)]
    await world.clock.sleep(40)  # until the shards are shared out
    for shard in shards:
        world.events(2000, shard=shard)
    began_s = world.clock.elapsed_s() + 5
    await world.until(lambda: len(sent_at_s) >= 6000)
    ended_s = began_s + 40
    in_time = sum(began_s <= at_s < ended_s for at_s in sent_at_s)
    assert in_time == pytest.approx(100 * 40, rel=0.02)
    for worker in workers:
        await worker.stopped()


@in_virtual_time
async def test_a_worker_reports_how_its_providers_stand() -> None:
    world, _ = _two(3, 1)
    worker = await world.worker()
    await world.clock.sleep(1)
    [report] = await world.control.reports()
    assert {one.provider: (one.channel, one.breaker, one.weight) for one in report.providers} == {
        "fake": (Channel.EMAIL, "closed", 0.75),
        "other": (Channel.EMAIL, "closed", 0.25),
    }
    await worker.stopped()
