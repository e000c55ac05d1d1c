"""A provider whose answers are scripted, for the flow's tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Sequence

from notifyd.core.channel import Channel
from notifyd.core.look_up import CannotTell, Found, NotTaken, Taken
from notifyd.core.message import Delivery
from notifyd.core.outcome import Accepted, Outcome, Unknown
from notifyd.errors import Fault
from notifyd.ports import Clock, Limits, LookUpLimits, Tell, tell_nobody

Answer = Callable[[Delivery], Outcome | None]
"""What becomes of a delivery; None: it is taken and never answered, and with it the whole request."""


def accept(delivery: Delivery) -> Outcome:
    return Accepted(provider_id=f"fake-{delivery.delivery_id}")


def in_turn(*outcomes: Outcome | None) -> Answer:
    """These, one a delivery, in this order; all after them are accepted."""
    left = list(outcomes)
    return lambda delivery: left.pop(0) if left else accept(delivery)


class FakeProvider:
    """Answers after `latency_s` of its clock and remembers every request it got.

    `taken` holds a delivery_id for each time a delivery was, or may have been, taken: on arrival of the
    request, so that a sender that is cancelled or dies while it waits changes nothing about it. With limits by
    which each delivery is a request of its own, one that is never answered keeps no others waiting.

    With `look_up_limits` it can be asked, and shows what it took `shows_after_s` later; `look_ups` are those it
    answered. `found`, where it is set, answers instead, or raises.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        answer: Answer = accept,
        latency_s: float = 0.0,
        limits: Limits | None = None,
        name: str = "fake",
        channel: Channel = Channel.EMAIL,
        group_key: Callable[[Delivery], Hashable] = lambda _: None,
        look_up_limits: LookUpLimits | None = None,
        shows_after_s: float = 0.0,
    ) -> None:
        self.answer = answer
        self.latency_s = latency_s
        self.limits = limits or Limits(batch_max=50, in_flight_max=64, payload_bytes_max=1 << 20)
        self.name = name
        self.channel = channel
        self._group_key = group_key
        self.look_up_limits = look_up_limits
        self.shows_after_s = shows_after_s
        self.found: Callable[[Delivery], Found] | None = None
        self.look_ups: list[str] = []
        self._taken_at_s: dict[str, float] = {}
        self.requests: list[list[Delivery]] = []
        self.taken: list[str] = []
        self.in_flight = 0
        self.in_flight_peak = 0
        self.refreshed = 0
        self.closed = False
        self._clock = clock

    def group_key(self, delivery: Delivery) -> Hashable:
        return self._group_key(delivery)

    async def send(self, batch: Sequence[Delivery], tell: Tell = tell_nobody) -> list[Outcome]:
        assert not self.closed, "sent after close"
        assert 0 < len(batch) <= self.limits.batch_max, f"a batch of {len(batch)}"
        assert len({self.group_key(delivery) for delivery in batch}) == 1, "a batch of several group keys"
        self.requests.append(list(batch))
        left = len(batch) if self.limits.each_alone else 1
        self.in_flight += left
        self.in_flight_peak = max(self.in_flight_peak, self.in_flight)
        assert self.in_flight <= self.limits.in_flight_max, f"{self.in_flight} requests in flight"
        try:
            answers = await self._answers(batch)
            told = [(place, answer) for place, answer in enumerate(answers) if answer is not None]
            if len(told) < len(batch):
                if self.limits.each_alone:
                    left -= len(told)
                    self.in_flight -= len(told)
                    tell(told)
                await asyncio.Event().wait()
            return [answer for _, answer in told]
        finally:
            self.in_flight -= left

    async def _answers(self, batch: Sequence[Delivery]) -> list[Outcome | None]:
        answers = [self.answer(delivery) for delivery in batch]
        taken = [
            delivery.delivery_id
            for delivery, answer in zip(batch, answers, strict=True)
            if answer is None or isinstance(answer, Accepted | Unknown)
        ]
        self.taken += taken
        self._taken_at_s.update(dict.fromkeys(taken, self._clock.now_s()))
        await self._clock.sleep(self.latency_s)
        return answers

    async def look_up(self, delivery: Delivery, since_s: float) -> Found:
        if self.look_up_limits is None:
            return CannotTell("it cannot be asked")
        await self._clock.sleep(self.latency_s)
        self.look_ups.append(delivery.delivery_id)
        if self.found is not None:
            return self.found(delivery)
        taken_at_s = self._taken_at_s.get(delivery.delivery_id)
        if taken_at_s is None or not since_s <= taken_at_s <= self._clock.now_s() - self.shows_after_s:
            return NotTaken()
        return Taken(f"fake-{delivery.delivery_id}")

    async def refresh_limits(self) -> None:
        self.refreshed += 1

    async def problems(self) -> list[Fault]:
        return []

    async def close(self) -> None:
        self.closed = True
