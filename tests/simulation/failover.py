"""`make failover`: what a channel's providers do when one of them fails, throttles, or is shared, in virtual time.

The daemon's own flow, shipped settings. A primary answers 5xx for a minute, and took half of it all the same; an
account throttles what is over its rate; four workers share an account; one chat channel gets a burst.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise

import click
import structlog

from notifyd.cli.output import json_option
from notifyd.core.channel import InDoubt
from notifyd.core.log_row import RowKind
from notifyd.core.message import Delivery
from notifyd.core.outcome import Accepted, Deferred, Outcome, Reason, Unknown
from notifyd.core.rate import TokenBucket
from notifyd.ports import Limits, LookUpLimits, ProviderRoute
from tests.fakes.provider import FakeProvider, accept
from tests.faults.promises import Promise, Result, show
from tests.faults.show import Say, sayer
from tests.simulation.daemon import SETTINGS
from tests.support.flow_rig import World, paid
from tests.support.virtual_time import VirtualClock, VirtualLoop

_ASKED = LookUpLimits(settle_s=5.0, rate_per_s=100.0)
_RATE_PER_S = 100
_ROOM = 1 << 20


class Flaky(FakeProvider):
    """While `failing`, every answer is a 5xx; every other one of these deliveries was taken all the same."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(clock, latency_s=0.05, name="primary", look_up_limits=_ASKED)
        self.failing = False
        self.failed = 0
        self.answer = accept

    async def _answers(self, batch: Sequence[Delivery]) -> list[Outcome | None]:
        if not self.failing:
            return await super()._answers(batch)
        self.failed += len(batch)
        taken = [one.delivery_id for index, one in enumerate(batch) if (self.failed + index) % 2]
        self.taken += taken
        self._taken_at_s.update(dict.fromkeys(taken, self._clock.now_s()))
        await self._clock.sleep(self.latency_s)
        return [Unknown(Reason.PROVIDER_ERROR, "503") for _ in batch]


class Throttling(FakeProvider):
    """Takes `rate_per_s`, and refuses what is over it."""

    def __init__(self, clock: VirtualClock, rate_per_s: float) -> None:
        limits = Limits(batch_max=1, in_flight_max=64, payload_bytes_max=_ROOM)
        super().__init__(clock, latency_s=0.05, limits=limits)
        self.asked = 0
        self._allowed = TokenBucket(rate_per_s, burst=rate_per_s / 10, now_s=clock.elapsed_s())
        self.answer = self._answer

    def _answer(self, delivery: Delivery) -> Outcome:
        now_s = self._clock.elapsed_s()
        self.asked += 1
        if self._allowed.wait_s(now_s) > 0:
            return Deferred(Reason.THROTTLED)
        self._allowed.take(1, now_s)
        return accept(delivery)


async def _arrive(world: World, seconds: int) -> dict[str, float]:
    """When each event came."""
    arrived: dict[str, float] = {}
    for _ in range(seconds * 10):
        arrived |= dict.fromkeys(world.events(_RATE_PER_S // 10), world.clock.now_s())
        await world.clock.sleep(0.1)
    return arrived


async def _five_hundreds() -> list[Promise]:
    world = World([paid(in_doubt=InDoubt.LOOK_UP)], settings=SETTINGS)
    primary, secondary = Flaky(world.clock), FakeProvider(world.clock, latency_s=0.05, name="secondary")
    secondary.look_up_limits = _ASKED
    world.provider, world.weight = primary, 80.0
    world.others = [ProviderRoute(secondary, 20.0)]
    worker = await world.worker()
    await _arrive(world, 20)
    primary.failing = True
    began_s = world.clock.now_s()
    arrived = await _arrive(world, 60)
    primary.failing = False
    await _arrive(world, 20)
    await world.settled(within_s=1000)
    times = Counter((*primary.taken, *secondary.taken))
    waits_s = _waits_s(world, arrived, since_s=_shifted_at_s(world, began_s))
    [report] = (one for one in worker.engine.switchboard.report() if one.provider == "primary")
    moved_s = 0.0
    while report.weight != report.resting_weight:
        await world.clock.sleep(10)
        moved_s += 10
        [report] = (one for one in worker.engine.switchboard.report() if one.provider == "primary")
    await worker.stopped()
    world.check_account()
    return [
        Promise("5xx for 60 s: lost", world.put_count - world.deliveries()["accepted"], at_most=0),
        Promise("5xx for 60 s: sent twice (look_up)", sum(one - 1 for one in times.values()), at_most=0),
        Promise("5xx for 60 s: deliveries that the failing provider got", primary.failed),
        Promise(
            "5xx for 60 s: accepted within 5 s after the shift, %",
            round(100 * sum(wait_s <= 5 for wait_s in waits_s) / len(waits_s), 2),
            at_least=99,
        ),
        Promise("5xx for 60 s: resting weights again after, min", moved_s / 60, at_most=30),
    ]


def _shifted_at_s(world: World, began_s: float) -> float:
    """When the breaker had opened: the first second of the outage in which nothing new failed, at the latest."""
    failures = [row.at_s for row in world.log.of_kind(RowKind.UNKNOWN) if row.at_s >= began_s]
    first_burst = [failures[0]]
    for earlier, later in pairwise(failures):
        if later - earlier > 1.0:
            break
        first_burst.append(later)
    return first_burst[-1]


def _waits_s(world: World, arrived: Mapping[str, float], since_s: float) -> list[float]:
    """From arrival to acceptance, of what arrived after `since_s`."""
    accepted = {row.event_id: row.at_s for row in world.log.of_kind(RowKind.ACCEPTED)}
    return [accepted[event_id] - at_s for event_id, at_s in arrived.items() if at_s > since_s]


async def _throttled() -> list[Promise]:
    world = World(settings=SETTINGS)
    provider = Throttling(world.clock, 0.7 * _RATE_PER_S)
    world.provider = provider
    worker = await world.worker()
    await _arrive(world, 120)
    asked, taken = provider.asked, len(provider.taken)
    await world.settled(within_s=3600)
    await worker.stopped()
    return [
        Promise("30 % over the account's rate: requests by those needed", round(asked / taken, 3), at_most=1.3),
        Promise("30 % over the account's rate: lost", world.put_count - world.deliveries()["accepted"], at_most=0),
    ]


async def _shared() -> list[Promise]:
    shards = [f"shard-{number}" for number in range(4)]
    world = World(settings=SETTINGS, shards=shards)
    limits = Limits(batch_max=10, in_flight_max=32, payload_bytes_max=_ROOM, rate_per_s=100.0)
    sent_at_s: list[float] = []

    def take(_: Delivery) -> Outcome:
        sent_at_s.append(world.clock.elapsed_s())
        return Accepted("x")

    world.provider = FakeProvider(world.clock, answer=take, latency_s=0.05, limits=limits)
    workers = [await world.worker(f"w{number}") for number in range(4)]
    await world.clock.sleep(60)
    for shard in shards:
        world.events(4000, shard=shard)
    began_s = world.clock.elapsed_s() + 10
    await world.clock.sleep(75)
    in_time = sum(began_s <= at_s < began_s + 60 for at_s in sent_at_s)
    for worker in workers:
        await worker.stopped()
    return [Promise("4 workers on one account: of its rate, %", round(in_time / 60, 2), at_least=98, at_most=102)]


async def _one_channel(workers_count: int) -> list[Promise]:
    shards = [f"shard-{number}" for number in range(workers_count)]
    world = World(settings=SETTINGS, shards=shards)
    sent_at_s: list[float] = []

    def take(_: Delivery) -> Outcome:
        sent_at_s.append(world.clock.elapsed_s())
        return Accepted("x")

    limits = Limits(batch_max=1, in_flight_max=32, payload_bytes_max=_ROOM, group_rate_per_s=1.0)
    world.provider = FakeProvider(
        world.clock, answer=take, latency_s=0.05, limits=limits, group_key=lambda delivery: delivery.address
    )
    workers = [await world.worker(f"w{number}") for number in range(workers_count)]
    await world.clock.sleep(60)
    for number in range(60):
        world.event("channel", shard=shards[number % workers_count])
    await world.settled(within_s=3600)
    for worker in workers:
        await worker.stopped()
    shortest_s = min(later - earlier for earlier, later in pairwise(sent_at_s))
    what = f"one chat channel, 60 at once, {workers_count} worker{'s' if workers_count > 1 else ''}"
    return [
        Promise(f"{what}: shortest pause, s", round(shortest_s, 3), at_least=0.999),
        Promise(f"{what}: sent twice", len(sent_at_s) - 60, at_most=0),
    ]


async def failover(say: Say) -> Result:
    promises = []
    for name, what in (
        ("five hundreds", _five_hundreds),
        ("throttled", _throttled),
        ("shared", _shared),
        ("one channel", partial(_one_channel, 1)),
        ("one channel of three workers", partial(_one_channel, 3)),
    ):
        say(name)
        promises += await what()
    return Result("failover", {"rate_per_s": _RATE_PER_S}, [], promises)


@click.command(help=__doc__)
@json_option
def main(as_json: bool) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        result = runner.run(failover(sayer()))
    show(result, as_json=as_json)
    sys.exit(1 if result.broken else 0)


if __name__ == "__main__":
    main()
