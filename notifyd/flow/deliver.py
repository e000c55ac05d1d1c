"""Regroups deliveries over all shards into one provider account's requests, fenced, paced and capped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

import msgspec
import structlog

from notifyd.core.breaker import BreakerState, Pass
from notifyd.core.outcome import Outcome, Reason, Unknown
from notifyd.core.time_slots import Part
from notifyd.errors import AwsError, TransportError
from notifyd.flow.backoff import Backoff
from notifyd.flow.call import Call, News
from notifyd.flow.heart import Heart
from notifyd.flow.lanes import Choice, Lanes
from notifyd.flow.pacer import Pacer
from notifyd.flow.places import Places, places_max
from notifyd.flow.record import Recorder
from notifyd.flow.shed import Shedding
from notifyd.flow.ticket import Ticket
from notifyd.ports import Clock, Entropy, Provider, Told
from notifyd.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

_LIMITS_INTERVAL_S = 300.0
# A batch that the fence held up so long takes its turn anew: tokens of a second ago are no leave to send now, and
# the bucket has filled up again since they were taken.
_FENCE_WAIT_MAX_S = 0.05
_BREAKER_LOOK_S = 0.25
# What comes while the rate is waited for may have a turn of its own; where batches linger, after that time.
_RATE_LOOK_S = 0.01


class DeliverTimes(msgspec.Struct, frozen=True):
    """`slow_s`: a request that takes longer counts as slow when weights are moved."""

    linger_s: float
    send_timeout_s: float
    queue_wait_max_s: float
    slow_s: float = 2.0


class Dispatcher:
    """One provider account's queue. Slots bound what can wait in it.

    `held_max`: where other channels want slots as well, what of them may be in flight here, and twice what may
    wait while nothing moves. Deliveries that hang for send_timeout_s would else hold every slot that there is.
    """

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
        part: Callable[[], Part],
        move: Callable[[list[Ticket], list[Outcome], str], tuple[list[Ticket], list[Outcome]]],
        reroute: Callable[[list[Ticket], str], list[Ticket]],
        held_max: int | None = None,
    ) -> None:
        """`part`: this worker's of the account's limits. `move` takes what goes to another provider at
        once, and gives back the rest; `reroute` likewise for what was not begun.
        """
        self.provider = provider
        self.pacer = Pacer(provider.channel, provider.limits, clock.elapsed_s())
        self._heart = heart
        self._recorder = recorder
        self._times = times
        self._clock = clock
        self._entropy = entropy
        self._metrics = metrics
        self._part = part
        self._move = move
        self._reroute = reroute
        self._lanes = Lanes(provider.group_key)
        self._work = asyncio.Event()
        self._held_max = held_max
        self._places = Places(places_max(provider.limits, held_max))
        self._in_flight_count = 0
        self._news: dict[Call, News] = {}  # not heard yet; what came together of one call is heard together
        self._told = asyncio.Event()
        self._begun_count = 0

    def submit(self, tickets: Sequence[Ticket]) -> None:
        """Never waits."""
        self._lanes.push(tickets, self._clock.elapsed_s())
        self._work.set()

    @property
    def is_idle(self) -> bool:
        """Nothing waits for it, and nothing is on its way."""
        return not len(self._lanes) and not self._in_flight_count

    @property
    def has_room(self) -> bool:
        """Whether what is given to it now can be sent in half of the time that it may wait, or nothing waits."""
        rate_per_s = self.pacer.rate_per_s
        if self._held_max is not None and len(self._lanes) >= max(1, self._held_max // 2):
            return False
        if self.pacer.health.breaker_state is not BreakerState.CLOSED:
            return not len(self._lanes)
        return rate_per_s is None or len(self._lanes) <= rate_per_s * self._times.queue_wait_max_s / 2

    def take_back(self) -> list[Ticket]:
        """What waits and was not begun."""
        return self._lanes.take_all()

    async def run(self) -> None:
        # Before the first send: an account that may send one mail a second must not begin with fifty.
        await self._learn_limits()
        shedding = Shedding(
            self._lanes,
            self._recorder,
            begun_count=lambda: self._begun_count,
            queue_wait_max_s=self._times.queue_wait_max_s,
            held_max=self._held_max,
            clock=self._clock,
        )
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(shedding.run())
            tasks.create_task(self._follow_limits())
            tasks.create_task(self._listen())
            while True:
                await self._work.wait()
                await self._places.room_for(self.pacer.batch_max if self._each_alone else 1)
                given = await self._leave()
                choice = await self._next() if given is not None else None
                if given is None or choice is None:
                    if given is not None:
                        self.pacer.health.abandoned(given)
                    if not len(self._lanes):
                        self._work.clear()
                    continue
                batch = self._lanes.pop(choice, self._batch_max)
                self._begun_count += len(batch)
                self.pacer.take(choice.group, len(batch), self._clock.elapsed_s())
                call = Call(batch, choice.group, given, places=len(batch) if self._each_alone else 1)
                self._places.take(call.places)
                tasks.create_task(self._run(call))

    @property
    def _each_alone(self) -> bool:
        return self.provider.limits.each_alone

    @property
    def _batch_max(self) -> int:
        most = self.pacer.batch_max
        return min(most, self._places.free) if self._each_alone else most

    async def _leave(self) -> Pass | None:
        """The breaker's; None: it is open, and what waits may have gone to others meanwhile."""
        given = self.pacer.health.begin(self._clock.elapsed_s())
        if given is None:
            self._lanes.put_back(self._reroute(self._lanes.take_all(), self.provider.name))
            await self._clock.sleep(_BREAKER_LOOK_S)
        return given

    async def _next(self) -> Choice | None:
        """Waits for the linger and the rate, in which a transactional delivery may still come to the front."""
        pacer, linger_s = self.pacer, self._times.linger_s
        while True:
            now_s = self._clock.elapsed_s()
            pacer.fit(self.provider.limits, self._part(), now_s, wall_s=self._clock.now_s())
            choice = self._lanes.choose(now_s, batch_max=self._batch_max, linger_s=linger_s, pace=pacer.group_pace)
            if choice is None:
                return None
            wait_s = max(choice.wait_s, pacer.wait_s(now_s))
            if wait_s <= 0:
                return choice
            await self._clock.sleep(min(wait_s, linger_s or _RATE_LOOK_S))

    async def _run(self, call: Call) -> None:
        began_s = self._clock.elapsed_s()
        try:
            call.batch = await self._fenced(call.batch)
            call.sent_s = self._clock.elapsed_s()
            if call.batch and call.sent_s - began_s > _FENCE_WAIT_MAX_S:
                self._lanes.put_back(call.batch)
                self._work.set()
                call.batch = []
            if not call.batch:
                self.pacer.health.abandoned(call.given)
                return
            self._note_in_flight(len(call.batch))
            try:
                outcomes = await self._attempt(call)
            except BaseException:
                self._note_in_flight(-call.waiting_count)
                self.pacer.health.abandoned(call.given)
                raise
            self._hear_all()
            self._hear(call.take_rest(outcomes), ended=True)
        finally:
            self._places.give_back(call.places)

    async def _listen(self) -> None:
        """In a task of the dispatcher's own: what fails here must not pass for the provider's fault."""
        while True:
            await self._told.wait()
            self._told.clear()
            self._hear_all()

    def _tell(self, call: Call, told: Told) -> None:
        news = call.take(told)
        self._note_in_flight(-len(news.tickets))
        unheard = self._news.setdefault(call, news)
        if unheard is not news:
            unheard.join(news)
        self._told.set()

    def _hear_all(self) -> None:
        while self._news:
            _, news = self._news.popitem()
            self._hear(news)

    def _hear(self, news: News, *, ended: bool = False) -> None:
        """What came together of one call: it counts, moves on or is recorded."""
        call, now_s = news.call, self._clock.elapsed_s()
        if ended:
            self._note_in_flight(-len(news.tickets))
        elif self._each_alone:
            call.places -= len(news.tickets)
            self._places.give_back(len(news.tickets))
        took_s, slow_s = now_s - call.sent_s, self._times.slow_s
        self.pacer.heard(call.tally, call.group, news.outcomes, took_s=took_s, slow_s=slow_s, now_s=now_s)
        if ended:
            fraction = self._entropy.fraction()
            self.pacer.health.ended(call.given, call.tally, now_s=now_s, fraction=fraction)
        kept, outcomes = self._move(news.tickets, news.outcomes, self.provider.name)
        if kept:
            self._recorder.outcomes(kept, outcomes, self.provider.name)

    async def _fenced(self, batch: list[Ticket]) -> list[Ticket]:
        """What may be sent now: still owned, not past its deadline, the heartbeat fresh."""
        backoff = Backoff(self._clock, self._entropy, base_s=0.1, max_s=1.0)
        while not await self._heart.ensure_fresh():
            await backoff.wait()
        for owner in {id(ticket.owner): ticket.owner for ticket in batch}.values():
            await owner.prove(self._heart.lapses)
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

    async def _attempt(self, call: Call) -> list[Outcome]:
        """One request. No answer within send_timeout_s: nobody knows. A bug in the provider: the same."""
        try:
            async with asyncio.timeout(self._times.send_timeout_s):
                deliveries = [ticket.delivery for ticket in call.batch]
                return await self.provider.send(deliveries, partial(self._tell, call))
        except TimeoutError:
            return [Unknown(Reason.NO_ANSWER) for _ in call.batch]
        except Exception as bug:
            log.exception("provider_raised", provider=self.provider.name)
            return [Unknown(Reason.PROVIDER_ERROR, answer=f"{type(bug).__name__}: {bug}") for _ in call.batch]

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

    def _note_in_flight(self, change: int) -> None:
        self._in_flight_count += change
        self._metrics.in_flight.set(self._in_flight_count, self.provider.name)
