"""In doubt under `look_up`: somebody is asked before anything is sent again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from notifyd.core.channel import Channel, InDoubt
from notifyd.core.log_row import FEEDBACK, LogRow, RowKind
from notifyd.core.look_up import CannotTell, Found
from notifyd.core.message import Delivery
from notifyd.core.outcome import Deferred, Reason, Unknown
from notifyd.core.retry import RetryPolicy
from notifyd.errors import NoAnswer, NotSent
from notifyd.ports import LookUpLimits
from tests.fakes.provider import FakeProvider, in_turn
from tests.support.flow_rig import FAILOVER_S, SETTINGS, VISIBILITY_S, World, paid
from tests.support.virtual_time import in_virtual_time
from tests.support.wire_cut import Wire

AWAY = NotSent("away")
SETTLE_S = 20.0
WAIT_S = 300.0
SLOTS = 4
LIMITS = LookUpLimits(settle_s=SETTLE_S, rate_per_s=20.0)
LOOKED_UP = (paid(in_doubt=InDoubt.LOOK_UP),)
QUICK = LookUpLimits(settle_s=2.0, rate_per_s=20.0)
DELIVERIES = 8


def _world(*, limits: LookUpLimits | None = LIMITS, wait_s: float = WAIT_S, **changes: Any) -> World:
    """Its provider shows what it took just before its settle time is over."""
    redeliver = msgspec.structs.replace(SETTINGS.redeliver, look_up_wait_s=wait_s)
    settings = msgspec.structs.replace(SETTINGS, redeliver=redeliver, **changes)
    world = World(LOOKED_UP, settings=settings)
    shows_after_s = limits.settle_s - 0.5 if limits is not None else 0.0
    world.provider = FakeProvider(world.clock, latency_s=0.05, look_up_limits=limits, shows_after_s=shows_after_s)
    return world


async def _die(world: World, until: Callable[[], bool]) -> None:
    """A worker claims what there is, and dies before anything that came of it was written down."""
    world.log.faults.outage = AWAY
    ann = await world.worker("ann")
    await world.until(until)
    await ann.killed()
    world.log.faults.outage = None


async def _go_on(world: World, *, within_s: float = 1_000.0) -> None:
    bob = await world.worker("bob")
    await world.settled(within_s=within_s)
    await bob.stopped()
    world.check_account()


def _found_by(world: World) -> list[str]:
    return [row.detail["found_by"] for row in world.log.of_kind(RowKind.ACCEPTED) if row.detail is not None]


@in_virtual_time
async def test_what_a_dead_workers_provider_took_is_found_and_not_sent_again() -> None:
    world = _world()
    world.events(7)
    await _die(world, lambda: len(world.sent()) == 7)
    await _go_on(world)
    assert world.deliveries() == {"accepted": 7}
    assert not world.duplicates()
    assert not world.flagged()
    assert _found_by(world) == ["look_up"] * 7
    assert {row.provider_id for row in world.log.of_kind(RowKind.ACCEPTED)} == {
        f"fake-{delivery_id}" for delivery_id in world.provider.taken
    }


@in_virtual_time
async def test_what_a_dead_worker_never_sent_is_sent_once_and_is_no_possible_duplicate() -> None:
    _, whole = await _run_through(None, QUICK)
    world, _ = await _run_through(1 + whole.steps.index("before provider.send"), QUICK)
    assert [row.reason for row in world.log.of_kind(RowKind.UNKNOWN)][:SLOTS] == [Reason.CRASH] * SLOTS
    assert sum(world.sent().values()) == DELIVERIES
    assert not world.flagged()


@in_virtual_time
async def test_each_delivery_in_doubt_has_a_row_while_it_waits_and_is_not_sent() -> None:
    world = _world()
    world.events(3)
    await _die(world, lambda: len(world.sent()) == 3)
    requests = len(world.provider.requests)
    bob = await world.worker("bob")
    await world.until(lambda: world.accounted()["read"] == 3)
    assert [(row.kind, row.reason) for row in world.log.rows] == [(RowKind.UNKNOWN, Reason.CRASH)] * 3
    assert [message.in_doubt for message in world.retry.messages] == [True] * 3
    assert len(world.provider.requests) == requests
    await bob.killed()


@in_virtual_time
async def test_no_answer_is_followed_by_a_look_up_and_not_by_a_resend() -> None:
    world = _world()
    world.events(1)
    world.provider.answer = in_turn(None)
    await _go_on(world)
    assert len(world.provider.requests) == 1
    assert world.deliveries() == {"accepted": 1}
    assert [row.kind for row in world.log.rows] == [RowKind.UNKNOWN, RowKind.ACCEPTED]
    assert not world.flagged()


@in_virtual_time
async def test_nothing_is_asked_before_the_provider_can_know() -> None:
    world = _world()
    world.events(5)
    world.provider.answer = in_turn(*[None] * 5)
    worker = await world.worker()
    await world.until(lambda: len(world.log.of_kind(RowKind.UNKNOWN)) == 5)
    doubted_s = world.clock.elapsed_s()
    await world.until(lambda: bool(world.provider.look_ups))
    assert world.clock.elapsed_s() - doubted_s >= SETTLE_S - 0.1
    await world.settled()
    await worker.stopped()
    assert not world.duplicates()
    assert len(world.provider.look_ups) == 5


@in_virtual_time
async def test_where_nobody_can_be_asked_it_is_sent_again_after_the_wait_and_listed() -> None:
    world = _world(limits=None)
    world.events(4)
    await _die(world, lambda: len(world.sent()) == 4)
    bob = await world.worker("bob")
    await world.until(lambda: world.accounted()["read"] == 4)
    doubted_s = world.clock.elapsed_s()
    await world.until(lambda: bool(world.duplicates()), within_s=2 * WAIT_S)
    assert WAIT_S - 3.0 <= world.clock.elapsed_s() - doubted_s <= WAIT_S + 3.0
    await world.settled()
    await bob.stopped()
    world.check_account()
    assert world.deliveries() == {"accepted": 4}
    assert set(world.duplicates()) == world.flagged()
    assert len(world.flagged()) == 4


@pytest.mark.parametrize("kind", sorted(FEEDBACK))
@in_virtual_time
async def test_feedback_of_a_delivery_proves_that_it_was_taken(kind: RowKind) -> None:
    world = _world(limits=None)
    [event_id] = world.events(1)
    await _die(world, lambda: len(world.sent()) == 1)
    bob = await world.worker("bob")
    await world.until(lambda: bool(world.retry.messages))
    [delivery_id] = world.provider.taken
    await world.log.append(
        [LogRow(event_id, delivery_id, 0, kind, "feedback", 1.0, 2, provider="ses", provider_id="m-1")]
    )
    await world.settled(within_s=WAIT_S)
    await bob.stopped()
    assert not world.duplicates()
    [accepted] = world.log.of_kind(RowKind.ACCEPTED)
    assert (accepted.provider, accepted.provider_id, accepted.detail) == ("ses", "m-1", {"found_by": kind})


@in_virtual_time
async def test_a_late_row_of_the_first_sender_ends_the_doubt() -> None:
    world = _world(limits=None)
    world.events(1)
    world.provider.answer = in_turn(Unknown(Reason.NO_ANSWER))
    worker = await world.worker()
    await world.until(lambda: bool(world.retry.messages))
    [unknown] = world.log.of_kind(RowKind.UNKNOWN)
    await world.log.append([msgspec.structs.replace(unknown, kind=RowKind.ACCEPTED)])
    await world.settled(within_s=WAIT_S)
    await worker.stopped()
    assert len(world.provider.requests) == 1
    assert len(world.log.of_kind(RowKind.ACCEPTED)) == 1


def _never(delivery: Delivery) -> Found:
    raise NoAnswer(delivery.delivery_id)


def _unsure(delivery: Delivery) -> Found:
    return CannotTell(delivery.delivery_id)


def _buggy(delivery: Delivery) -> Found:
    raise ZeroDivisionError(delivery.delivery_id)


@pytest.mark.parametrize("found", [_never, _unsure, _buggy])
@in_virtual_time
async def test_look_ups_that_tell_nothing_are_few_and_end_in_a_listed_resend(
    found: Callable[[Delivery], Found],
) -> None:
    world = _world()
    world.events(1)
    world.provider.answer = in_turn(None)
    world.provider.found = found
    await _go_on(world)
    assert world.deliveries() == {"accepted": 1}
    assert sum(world.duplicates().values()) == 1
    assert set(world.duplicates()) == world.flagged()
    assert 3 <= len(world.provider.look_ups) <= 15


@in_virtual_time
async def test_a_provider_whose_look_ups_fail_is_left_alone_for_a_while() -> None:
    world = _world()
    world.events(60)
    world.provider.answer = in_turn(*[None] * 60)
    world.provider.found = _never
    await _go_on(world)
    assert len(world.provider.look_ups) < 60
    assert world.deliveries() == {"accepted": 60}


@in_virtual_time
async def test_many_in_doubt_are_asked_about_at_the_rate_and_none_is_given_up_for_that() -> None:
    world = _world(limits=LookUpLimits(settle_s=SETTLE_S, rate_per_s=0.1))
    world.events(40)
    await _die(world, lambda: len(world.sent()) == 40)
    began_s = world.clock.elapsed_s()
    await _go_on(world, within_s=2_000)
    assert world.clock.elapsed_s() - began_s > 38 / 0.1 > WAIT_S
    assert len(world.provider.look_ups) == 40
    assert not world.duplicates()
    assert not world.flagged()


@in_virtual_time
async def test_those_whose_turn_does_not_come_in_time_are_sent_again_before_their_deadline_and_listed() -> None:
    world = _world(limits=LookUpLimits(settle_s=SETTLE_S, rate_per_s=0.1))
    world.use_types([paid(in_doubt=InDoubt.LOOK_UP, deadline_s=200.0)])
    world.events(40)
    await _die(world, lambda: len(world.sent()) == 40)
    await _go_on(world)
    assert world.deliveries() == {"accepted": 40}
    assert 5 <= len(world.provider.look_ups) <= 15
    assert set(world.duplicates()) == world.flagged()
    assert len(world.flagged()) == 40 - len(world.provider.look_ups)


@in_virtual_time
async def test_a_doubt_is_looked_into_before_the_last_attempt_ends_the_delivery() -> None:
    world = _world(retry=RetryPolicy(attempts_max=1, backoff_base_s=1.0, backoff_max_s=8.0))
    world.events(2)
    world.provider.answer = in_turn(None)
    await _go_on(world)
    assert world.deliveries() == {"accepted": 2}


@in_virtual_time
async def test_a_delivery_without_attempts_left_that_nobody_knows_of_is_dead() -> None:
    world = _world(limits=None, retry=RetryPolicy(attempts_max=1, backoff_base_s=1.0, backoff_max_s=8.0))
    world.events(1)
    world.provider.answer = in_turn(None)
    await _go_on(world)
    assert world.deliveries() == {"dead": 1}
    assert [message.reason for message in world.dead.messages[Channel.EMAIL]] == [Reason.ATTEMPTS]


@in_virtual_time
async def test_what_was_taken_before_the_deadline_is_found_after_it() -> None:
    world = _world()
    world.use_types([paid(in_doubt=InDoubt.LOOK_UP, deadline_s=SETTLE_S)])
    world.events(1)
    world.provider.answer = in_turn(None)
    await _go_on(world)
    assert world.deliveries() == {"accepted": 1}


@in_virtual_time
async def test_a_resend_leaves_half_of_the_time_to_the_deadline() -> None:
    world = _world(limits=None)
    world.use_types([paid(in_doubt=InDoubt.LOOK_UP, deadline_s=100.0)])
    world.events(1)
    world.provider.answer = in_turn(None)
    await _go_on(world)
    assert world.deliveries() == {"accepted": 1}
    assert len(world.flagged()) == 1


@in_virtual_time
async def test_copies_of_a_message_in_doubt_send_once_between_them() -> None:
    world = _world()
    world.events(10)
    world.provider.answer = in_turn(*[Deferred(Reason.THROTTLED)] * 10)
    workers = [await world.worker("ann"), await world.worker("bob")]
    await world.until(lambda: len(world.retry.messages) == 10)
    for message in list(world.retry.messages):
        await world.retry.put([msgspec.structs.replace(message, in_doubt=True)] * 2)
    await world.settled()
    for worker in workers:
        await worker.stopped()
    assert sum(world.sent().values()) == 10
    assert not world.flagged()


@in_virtual_time
async def test_whoever_dies_over_a_retry_leaves_a_doubt_that_is_looked_into() -> None:
    world = _world()
    world.events(6)
    world.provider.answer = in_turn(*[Deferred(Reason.THROTTLED)] * 6)
    ann = await world.worker("ann")
    await world.until(lambda: len(world.retry.messages) == 6)
    ann.wire.broken["log"] = AWAY
    await world.until(lambda: not world.log.of_kind(RowKind.CLAIM))
    del ann.wire.broken["log"]
    await world.until(lambda: len(world.log.of_kind(RowKind.CLAIM)) > 0, every_s=0.001)
    await world.until(lambda: bool(world.provider.taken), every_s=0.001)
    await ann.killed()
    taken = len(world.provider.taken)
    assert taken
    await _go_on(world)
    assert world.deliveries() == {"accepted": 6}
    assert not world.duplicates()
    assert not world.flagged()
    assert "look_up" in _found_by(world)
    assert world.clock.elapsed_s() > VISIBILITY_S + FAILOVER_S


async def _run_through(cut_at: int | None, limits: LookUpLimits | None) -> tuple[World, Wire]:
    """One worker that dies at its `cut_at`-th step, then one that does not; nobody waits for long."""
    world = _world(limits=limits, wait_s=15.0)
    world.provider.answer = in_turn(*[Deferred(Reason.THROTTLED)] * 2, None)
    world.events(3)
    world.event(*[f"fan{number}" for number in range(DELIVERIES - 3)])
    wire = Wire(cut_at)
    ann = await world.worker("ann", wire=wire, slots_max=SLOTS)
    await world.until(lambda: wire.cut.is_set() or _is_done(world), within_s=2_000, every_s=0.2)
    await (ann.stopped() if cut_at is None else ann.killed())
    if cut_at is not None:
        bob = await world.worker("bob", slots_max=SLOTS)
        await world.until(lambda: _is_done(world), within_s=2_000, every_s=0.2)
        await bob.stopped()
    return world, wire


def _is_done(world: World) -> bool:
    return world.accounted()["read"] == world.put_count and not world.retry.messages


@pytest.mark.parametrize(("limits", "stride"), [(QUICK, 2), (None, 5)], ids=["askable", "not askable"])
@in_virtual_time
async def test_a_crash_at_any_step_loses_nothing_and_doubles_nothing_where_the_provider_can_be_asked(
    limits: LookUpLimits | None, stride: int
) -> None:
    _, whole = await _run_through(None, limits)
    for cut_at in range(1, len(whole.steps) + 1, stride):
        step = whole.steps[cut_at - 1]
        if step.endswith(("receive", "scan", "beat", "read")) and cut_at % 17:
            continue
        world, _ = await _run_through(cut_at, limits)
        where = f"cut at {cut_at}: {step}\n{world.describe()}"
        world.check_account()
        assert len(world.sent()) == DELIVERIES, where
        assert world.deliveries() == {"accepted": DELIVERIES}, where
        assert set(world.duplicates()) <= world.flagged(), where
        if limits is not None:
            assert not world.duplicates(), where
            assert not world.flagged(), where
