"""Regroups deliveries over all shards into one provider account's requests, fenced, paced and capped."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Hashable, Sequence
from functools import partial

import msgspec
import structlog

from notifyd.core.channel import Lane
from notifyd.core.outcome import Outcome, Reason, Unknown
from notifyd.core.rate import TokenBucket
from notifyd.errors import AwsError, TransportError
from notifyd.flow.backoff import Backoff
from notifyd.flow.heart import Heart
from notifyd.flow.record import Recorder
from notifyd.flow.ticket import Ticket
from notifyd.ports import Clock, Entropy, Provider
from notifyd.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

_SHED_INTERVAL_S = 0.25
_LIMITS_INTERVAL_S = 300.0
# A bucket saves up so much, and a request may hold what it took for as long.
_BURST_S = 0.1


class DeliverTimes(msgspec.Struct, frozen=True):
    linger_s: float
    send_timeout_s: float
    queue_wait_max_s: float


class Dispatcher:
    """One provider account's queue. Slots bound what can wait in it."""

    def __init__(
        self,
        provider: Provider,
        *,
        heart: Heart,
        recorder: Recorder,
        times: DeliverTimes,
        clock: Clock,
        entropy: Entropy,
        metrics: Metrics,
    ) -> None:
        self.provider = provider
        self._heart = heart
        self._recorder = recorder
        self._times = times
        self._clock = clock
        self._entropy = entropy
        self._metrics = metrics
        self._waiting: dict[Lane, dict[Hashable, deque[Ticket]]] = {lane: {} for lane in Lane}
        self._work = asyncio.Event()
        self._in_flight = asyncio.Semaphore(provider.limits.in_flight_max)
        self._in_flight_count = 0
        self._bucket: TokenBucket | None = None
        self._fit_bucket()

    def submit(self, tickets: Sequence[Ticket]) -> None:
        """Never waits; the order within a lane and group is kept. What is sent again is listed first."""
        again = [ticket for ticket in tickets if ticket.again]
        if again:
            self._recorder.list_again(again, partial(self._queue, tickets))
        else:
            self._queue(tickets)

    def _queue(self, tickets: Sequence[Ticket]) -> None:
        now_s = self._clock.elapsed_s()
        for ticket in tickets:
            ticket.enqueued_at_s = now_s
            groups = self._waiting[ticket.delivery.lane]
            key = self.provider.group_key(ticket.delivery)
            group = groups.get(key)
            if group is None:
                group = groups[key] = deque()
            group.append(ticket)
        self._work.set()

    async def run(self) -> None:
        # Before the first send: an account that may send one mail a second must not begin with fifty.
        await self._learn_limits()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._shed())
            tasks.create_task(self._follow_limits())
            while True:
                await self._work.wait()
                await self._in_flight.acquire()
                batch = await self._next_batch()
                if batch:
                    tasks.create_task(self._call(batch))
                else:
                    self._in_flight.release()
                    self._work.clear()

    async def _next_batch(self) -> list[Ticket]:
        """Waits for the linger and the bucket, in which a transactional delivery may still come to the front."""
        while True:
            chosen = self._choose()
            if chosen is None:
                return []
            lane, key, wait_s = chosen
            now_s = self._clock.elapsed_s()
            if self._bucket is not None:
                wait_s = max(wait_s, self._bucket.wait_s(now_s))
            if wait_s <= 0:
                batch = self._pop(lane, key)
                if self._bucket is not None:
                    self._bucket.take(len(batch), now_s)
                return batch
            await self._clock.sleep(min(wait_s, self._times.linger_s or wait_s))

    def _choose(self) -> tuple[Lane, Hashable, float] | None:
        """The fullest ready group of the first lane that has one, else the one that is ready soonest."""
        now_s = self._clock.elapsed_s()
        batch_max = self._batch_max()
        soonest: tuple[Lane, Hashable, float] | None = None
        for lane, groups in self._waiting.items():
            for key, group in groups.items():
                full = len(group) >= batch_max
                wait_s = 0.0 if full else group[0].enqueued_at_s + self._times.linger_s - now_s
                if wait_s <= 0:
                    return lane, key, 0.0
                if soonest is None or wait_s < soonest[2]:
                    soonest = (lane, key, wait_s)
        return soonest

    def _pop(self, lane: Lane, key: Hashable) -> list[Ticket]:
        group = self._waiting[lane].pop(key)
        batch = [group.popleft() for _ in range(min(len(group), self._batch_max()))]
        if group:
            self._waiting[lane][key] = group  # at the end: groups take turns
        return batch

    def _batch_max(self) -> int:
        """No request is larger than what the account may send in a second."""
        limits = self.provider.limits
        return (
            limits.batch_max
            if limits.rate_per_s is None
            else max(1, min(limits.batch_max, int(limits.rate_per_s)))
        )

    async def _call(self, batch: list[Ticket]) -> None:
        try:
            batch = await self._fenced(batch)
            if not batch:
                return
            self._note_in_flight(len(batch))
            try:
                outcomes = await self._attempt(batch)
            finally:
                self._note_in_flight(-len(batch))
            self._recorder.outcomes(batch, outcomes, self.provider.name)
        finally:
            self._in_flight.release()

    async def _fenced(self, batch: list[Ticket]) -> list[Ticket]:
        """What may be sent now: still owned, not past its deadline, the heartbeat fresh, the tokens as well.

        Tokens are taken anew after a wait: all that waited for one heartbeat would go out with it otherwise.
        """
        began_s = self._clock.elapsed_s()
        await self._proven(batch)
        while self._bucket is not None and self._clock.elapsed_s() - began_s > _BURST_S:
            wait_s = self._bucket.take(len(batch), self._clock.elapsed_s())
            if wait_s > 0:
                await self._clock.sleep(wait_s)
            began_s = self._clock.elapsed_s()
            await self._proven(batch)
        now_s = self._clock.now_s()
        kept: list[Ticket] = []
        late: list[Ticket] = []
        for ticket in batch:
            if not ticket.owner.may_send(ticket):
                ticket.owner.dropped([ticket])
            elif now_s >= ticket.delivery.deadline_at_s:
                late.append(ticket)
            else:
                kept.append(ticket)
        if late:
            self._recorder.expire(late)
        return kept

    async def _proven(self, batch: list[Ticket]) -> None:
        """Returns once the heartbeat is fresh and each owner's `may_send` tells the truth."""
        backoff = Backoff(self._clock, self._entropy, base_s=0.1, max_s=1.0)
        while not await self._heart.ensure_fresh():
            await backoff.wait()
        for owner in {id(ticket.owner): ticket.owner for ticket in batch}.values():
            await owner.prove(self._heart.lapses)

    async def _attempt(self, batch: list[Ticket]) -> list[Outcome]:
        """One request. No answer within send_timeout_s: nobody knows. A bug in the provider: the same."""
        try:
            async with asyncio.timeout(self._times.send_timeout_s):
                return await self.provider.send([ticket.delivery for ticket in batch])
        except TimeoutError:
            return [Unknown(Reason.NO_ANSWER) for _ in batch]
        except Exception as bug:
            log.exception("provider_raised", provider=self.provider.name)
            return [Unknown(Reason.PROVIDER_ERROR, answer=f"{type(bug).__name__}: {bug}") for _ in batch]

    async def _shed(self) -> None:
        """What has waited queue_wait_max_s goes to the retry queue, so that no provider holds a shard back."""
        while True:
            await self._clock.sleep(_SHED_INTERVAL_S)
            before_s = self._clock.elapsed_s() - self._times.queue_wait_max_s
            for groups in self._waiting.values():
                for key in list(groups):
                    group = groups[key]
                    late: list[Ticket] = []
                    while group and group[0].enqueued_at_s <= before_s:
                        late.append(group.popleft())
                    if not group:
                        del groups[key]
                    self._hand_over(late)

    def _hand_over(self, tickets: list[Ticket]) -> None:
        kept: list[Ticket] = []
        for ticket in tickets:
            if ticket.owner.may_send(ticket):
                kept.append(ticket)
            else:
                ticket.owner.dropped([ticket])
        if kept:
            self._recorder.postpone(kept, Reason.QUEUE_WAIT)

    async def _follow_limits(self) -> None:
        """The account's own quota sizes the bucket; it may change at any time."""
        while True:
            await self._clock.sleep(_LIMITS_INTERVAL_S)
            await self._learn_limits()

    async def _learn_limits(self) -> None:
        try:
            async with asyncio.timeout(self._times.send_timeout_s):
                await self.provider.refresh_limits()
        except (AwsError, TransportError, TimeoutError) as error:
            log.warning("limits_unknown", provider=self.provider.name, error=str(error) or "no answer")
        self._fit_bucket()

    def _fit_bucket(self) -> None:
        rate_per_s = self.provider.limits.rate_per_s
        now_s = self._clock.elapsed_s()
        if rate_per_s is None:
            self._bucket = None
        elif self._bucket is None:
            self._bucket = TokenBucket(rate_per_s, burst=max(1.0, rate_per_s * _BURST_S), now_s=now_s)
        else:
            self._bucket.set_rate(rate_per_s, burst=max(1.0, rate_per_s * _BURST_S), now_s=now_s)

    def _note_in_flight(self, change: int) -> None:
        self._in_flight_count += change
        self._metrics.in_flight.set(self._in_flight_count, self.provider.name)
