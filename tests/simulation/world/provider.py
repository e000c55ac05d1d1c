"""The provider's side: what it was sent, what it took, and whether its limits were kept.

What it took is noted when the request arrives, before it answers: an answer that nobody hears changes nothing.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

import msgspec

from notifyd.core.channel import Channel
from notifyd.core.look_up import Found, NotTaken, Taken
from notifyd.core.message import Delivery
from notifyd.core.outcome import Accepted, Deferred, Outcome, Reason, Rejected, Unknown
from notifyd.core.rate import TokenBucket
from notifyd.errors import Fault, NoAnswer, NotSent, Throttled, TransportError
from notifyd.ports import Limits, LookUpLimits, Tell, tell_nobody
from tests.simulation.dice import Dice
from tests.simulation.network import Network
from tests.simulation.process import Process
from tests.simulation.world.meaning import Meaning

# It can be asked what it took, and shows each mail within this time of taking it, some of them late in it.
LOOK_UPS = LookUpLimits(settle_s=10.0, rate_per_s=5.0)


class Sent(NamedTuple):
    """What must not come twice: to each device once, by mail once, whatever address."""

    meaning: Meaning
    device: str


def sent_of(delivery: Delivery) -> Sent:
    device = delivery.address if delivery.channel is Channel.PUSH_IOS else ""
    return Sent((delivery.event_id, delivery.user_id, delivery.type_name, delivery.channel), device)


class Mood(msgspec.Struct):
    """How it answers at the moment: shares of deliveries deferred, of requests taken and never answered."""

    defers: float = 0.0
    hangs: float = 0.0


class Account:
    """Shared by all processes. `refuses`: users whose deliveries it never takes."""

    def __init__(self, dice: Dice, refuses: frozenset[str], limits: Limits) -> None:
        self._dice = dice
        self._refuses = refuses
        self.limits = limits
        self.moods: list[Mood] = []
        self.taken: Counter[Sent] = Counter()
        self.ids_of: dict[Sent, set[str]] = {}
        self._shown_at_s: dict[str, float] = {}
        self.unanswered = 0  # deliveries of requests that were not answered, or not yet
        self.fired: Counter[str] = Counter()

    def take(self, batch: Sequence[Delivery]) -> list[Outcome | None]:
        """None: never answered."""
        if self.limits.each_alone:
            return [outcome for delivery in batch for outcome in self._take_request([delivery])]
        return self._take_request(batch)

    def _take_request(self, batch: Sequence[Delivery]) -> list[Outcome | None]:
        hangs = any(self._dice.chance(mood.hangs) for mood in self.moods)
        if hangs:
            self.fired["provider never answers"] += 1
            if self._dice.chance(0.3):  # nor did it take anything
                return [None] * len(batch)
        outcomes = [self._outcome(delivery) for delivery in batch]
        for delivery, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, Accepted):
                sent = sent_of(delivery)
                self.taken[sent] += 1
                self.ids_of.setdefault(sent, set()).add(delivery.delivery_id)
                shown_at_s = _now_s() + self._dice.between(0.0, LOOK_UPS.settle_s)
                self._shown_at_s.setdefault(delivery.delivery_id, shown_at_s)
        return [None if hangs else outcome for outcome in outcomes]

    def show(self, delivery_id: str) -> Found:
        if self._shown_at_s.get(delivery_id, math.inf) <= _now_s():
            self.fired["look-up finds it"] += 1
            return Taken(f"id-{delivery_id}")
        self.fired["look-up finds nothing"] += 1
        return NotTaken()

    def _outcome(self, delivery: Delivery) -> Outcome:
        if delivery.user_id in self._refuses:
            return Rejected(Reason.ADDRESS_INVALID)
        if any(self._dice.chance(mood.defers) for mood in self.moods):
            self.fired["provider defers"] += 1
            return Deferred(Reason.THROTTLED, retry_after_s=self._dice.one_of((None, 0.0, 2.0)))
        return Accepted(f"id-{delivery.delivery_id}")


class ProviderPort:
    """One process's way to the account. Implements `ports.Provider`."""

    name = "simulated"
    look_up_limits: LookUpLimits | None = LOOK_UPS

    def __init__(
        self,
        channel: Channel,
        account: Account,
        process: Process,
        network: Network,
        dice: Dice,
        *,
        on_send: Callable[[Process, Sequence[Delivery]], None],
    ) -> None:
        self.channel = channel
        self._account = account
        self._process = process
        self._network = network
        self._dice = dice
        self._on_send = on_send
        self._in_flight = 0
        self._look_ups = TokenBucket(LOOK_UPS.rate_per_s, burst=2 * LOOK_UPS.rate_per_s, now_s=0.0)
        self._rate = TokenBucket(account.limits.rate_per_s or 1e9, burst=_burst(account.limits), now_s=0.0)

    @property
    def limits(self) -> Limits:
        return self._account.limits

    def group_key(self, delivery: Delivery) -> Hashable:
        return delivery.type_name

    async def send(self, batch: Sequence[Delivery], tell: Tell = tell_nobody) -> list[Outcome]:
        requests = len(batch) if self.limits.each_alone else 1
        self._in_flight += requests
        try:
            self._on_send(self._process, batch)
            if self._in_flight > self.limits.in_flight_max or not 0 < len(batch) <= self.limits.batch_max:
                self._network.broken.append(f"{self._in_flight} requests in flight, this one of {len(batch)}")
            if self._rate.take(len(batch), _now_s()) > 0:
                self._network.broken.append(f"over {self.limits.rate_per_s}/s")
            answers = await self._ask(list(batch))
            told = [(place, answer) for place, answer in enumerate(answers) if answer is not None]
            self._account.unanswered -= sum(not isinstance(answer, Unknown) for _, answer in told)
            if len(told) < len(batch):
                if self.limits.each_alone:
                    requests -= len(told)
                    self._in_flight -= len(told)
                    self._account.fired["provider answers some"] += bool(told)
                    tell(told)
                await asyncio.get_running_loop().create_future()
            return [answer for _, answer in told]
        finally:
            self._in_flight -= requests

    async def _ask(self, batch: list[Delivery]) -> list[Outcome | None]:
        """None: never answered."""
        self._account.unanswered += len(batch)
        try:
            outcomes: list[Outcome | None] = await self._network.call(
                self._process, "provider.send", lambda: self._account.take(batch)
            )
        except NotSent:
            return [Deferred(Reason.NO_CONNECTION) for _ in batch]
        except NoAnswer:
            return [Unknown(Reason.NO_ANSWER) for _ in batch]
        except Throttled:
            return [Deferred(Reason.THROTTLED) for _ in batch]
        latency = asyncio.get_running_loop().create_future()
        self._network.later(self._dice.between(0.01, 0.25), _answer, latency)
        await latency
        return outcomes

    async def look_up(self, delivery: Delivery, since_s: float) -> Found:  # noqa: ARG002 - it knows each id
        if self._look_ups.take(1, _now_s()) > 0:
            self._network.broken.append(f"over {LOOK_UPS.rate_per_s} look-ups a second")
        try:
            found: Found = await self._network.call(
                self._process, "provider.look_up", lambda: self._account.show(delivery.delivery_id)
            )
        except (TransportError, Throttled):
            self._account.fired["look-up fails"] += 1
            raise
        return found

    async def refresh_limits(self) -> None:
        await self._network.call(self._process, "provider.refresh_limits", lambda: None)

    async def problems(self) -> list[Fault]:
        return []

    async def close(self) -> None: ...


def _burst(limits: Limits) -> float:
    """A tenth of a second's worth in the bucket, and as much in hand; twice, because a clock that jumps ahead
    looks like a suspend in which tokens came in. And the request that was granted with the last of them.
    """
    return 4 * max(1.0, (limits.rate_per_s or 0.0) / 10) + limits.batch_max


def _now_s() -> float:
    return asyncio.get_running_loop().time()


def _answer(latency: asyncio.Future[None]) -> None:
    if not latency.done():
        latency.set_result(None)
