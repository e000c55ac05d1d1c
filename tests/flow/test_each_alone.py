"""A provider to which each delivery of a batch is a request of its own: none waits for another's answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from notifyd.core.breaker import BreakerState
from notifyd.core.log_row import RowKind
from notifyd.core.message import Delivery
from notifyd.core.outcome import Accepted, Deferred, Outcome, Reason
from notifyd.ports import Limits, ProviderRoute, Tell, tell_nobody
from tests.fakes.provider import FakeProvider, accept, in_turn
from tests.support.flow_rig import SEND_TIMEOUT_S, World
from tests.support.virtual_time import in_virtual_time

ALONE = Limits(batch_max=100, in_flight_max=200, payload_bytes_max=1 << 20, each_alone=True)


def alone(world: World) -> World:
    world.provider.limits = ALONE
    return world


def hang(world: World, share: int) -> list[str]:
    """One delivery of so many is taken and not answered, once; their ids."""
    hung: list[str] = []
    seen: list[str] = []

    def answer(delivery: Delivery) -> Outcome | None:
        seen.append(delivery.delivery_id)
        if len(seen) % share or delivery.delivery_id in hung:
            return accept(delivery)
        hung.append(delivery.delivery_id)
        return None

    world.provider.answer = answer
    return hung


@in_virtual_time
async def test_one_that_is_never_answered_keeps_none_of_its_batch_waiting() -> None:
    world = alone(World())
    world.provider.answer = in_turn(None)
    world.events(100)
    worker = await world.worker()
    await world.until(lambda: bool(world.provider.requests))
    began_s = world.clock.elapsed_s()
    assert len(world.provider.requests[0]) == 100
    await world.until(lambda: len(world.log.of_kind(RowKind.ACCEPTED)) == 99, within_s=SEND_TIMEOUT_S / 2)
    assert not world.log.of_kind(RowKind.UNKNOWN)
    await world.until(lambda: len(world.log.of_kind(RowKind.UNKNOWN)) == 1)
    assert world.clock.elapsed_s() - began_s >= SEND_TIMEOUT_S - 0.1
    await world.settled()
    await worker.stopped()
    world.check_account()
    assert world.deliveries() == {"accepted": 100}
    assert len(world.flagged()) == 1


@in_virtual_time
async def test_each_is_recorded_once_whenever_its_answer_came() -> None:
    world = alone(World())
    hung = hang(world, 50)
    world.events(1000)
    worker = await world.worker()
    await world.settled()
    await worker.stopped()
    world.check_account()
    accepted = [row.delivery_id for row in world.log.of_kind(RowKind.ACCEPTED)]
    assert len(accepted) == len(set(accepted)) == 1000
    assert sorted(row.delivery_id for row in world.log.of_kind(RowKind.UNKNOWN)) == sorted(hung)
    taken = Counter(world.provider.taken)
    assert {delivery_id for delivery_id, times in taken.items() if times > 1} == set(hung)
    assert 'notifyd_provider_in_flight{provider="fake"} 0.0' in worker.metrics.text().decode()


@in_virtual_time
async def test_those_that_hang_hold_their_own_places_alone() -> None:
    world = alone(World())
    world.provider.latency_s = 0.01
    hang(world, 50)
    world.events(900)
    worker = await world.worker()
    # The batches in which one hangs, ten or more, would be more than in_flight_max lets through in a second.
    await world.until(lambda: len(world.log.of_kind(RowKind.ACCEPTED)) >= 870, within_s=SEND_TIMEOUT_S / 2)
    await world.settled()
    await worker.stopped()
    assert world.provider.in_flight_peak <= ALONE.in_flight_max


@in_virtual_time
async def test_one_that_hangs_in_each_batch_is_no_outage() -> None:
    world = alone(World())
    hang(world, 100)
    world.events(1000)
    worker = await world.worker()
    [router] = worker.engine.routers.values()
    await world.settled()
    assert router.report()[0].breaker is BreakerState.CLOSED
    await worker.stopped()


@in_virtual_time
async def test_what_was_refused_moves_on_while_another_answer_is_waited_for() -> None:
    world = alone(World())
    other = FakeProvider(world.clock, latency_s=0.05, name="other")
    world.weight, world.others = 1.0, [ProviderRoute(other, 0.0)]
    answers: list[Outcome | None] = [None]
    world.provider.answer = lambda _: answers.pop() if answers else Deferred(Reason.PROVIDER_ERROR)
    world.events(40)
    worker = await world.worker()
    await world.until(lambda: len(other.taken) == 39, within_s=SEND_TIMEOUT_S / 2)
    world.provider.answer = accept
    await world.settled()
    await worker.stopped()
    assert world.deliveries() == {"accepted": 40}


@in_virtual_time
async def test_a_drain_waits_for_the_one_that_hangs_and_for_its_row() -> None:
    world = alone(World())
    world.provider.answer = in_turn(None)
    world.events(50)
    worker = await world.worker()
    await world.until(lambda: len(world.log.of_kind(RowKind.ACCEPTED)) == 49)
    await worker.stopped()
    assert len(world.log.of_kind(RowKind.UNKNOWN)) == 1
    assert len(world.retry.messages) == 1


@in_virtual_time
async def test_a_worker_that_dies_in_between_leaves_in_doubt_only_what_was_not_recorded() -> None:
    world = alone(World())
    world.provider.answer = in_turn(None)
    world.events(100)
    ann = await world.worker("ann")
    await world.until(lambda: len(world.log.of_kind(RowKind.ACCEPTED)) == 99)
    await ann.killed()
    bob = await world.worker("bob")
    await world.settled()
    await bob.stopped()
    world.check_account()
    assert sum(world.duplicates().values()) == len(world.flagged()) == 1


@in_virtual_time
async def test_a_word_that_comes_twice_counts_once() -> None:
    world = alone(World())

    class Stutterer(FakeProvider):
        async def send(self, batch: Sequence[Delivery], tell: Tell = tell_nobody) -> list[Outcome]:
            tell([(0, Accepted("first"))])
            tell([(0, Accepted("second"))])
            return await super().send(batch, tell)

    world.provider = Stutterer(world.clock, latency_s=0.05, limits=ALONE)
    world.events(3)
    worker = await world.worker()
    await world.settled()
    await worker.stopped()
    world.check_account()
    rows = world.log.of_kind(RowKind.ACCEPTED)
    assert len(rows) == 3
    assert "second" not in {row.provider_id for row in rows}
