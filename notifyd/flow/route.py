"""Which of a channel's providers gets a delivery, and what moves to another one."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import structlog

from notifyd.core.blame import may_move
from notifyd.core.breaker import BreakerState
from notifyd.core.channel import Channel
from notifyd.core.outcome import Outcome, Reason
from notifyd.core.provider_health import ERRORS_TO_MOVE
from notifyd.core.provider_standing import Seen
from notifyd.core.switches import ProviderSwitch
from notifyd.core.time_slots import Part
from notifyd.core.weights import Weights
from notifyd.flow.deliver import DeliverTimes, Dispatcher
from notifyd.flow.heart import Heart
from notifyd.flow.record import Recorder
from notifyd.flow.switchboard import Switchboard
from notifyd.flow.ticket import Ticket
from notifyd.ports import Clock, Entropy, ProviderRoute
from notifyd.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)


_DRIFT_INTERVAL_S = 1.0


class Router:
    """One channel's. With one provider it is a pass-through, but for switches."""

    def __init__(
        self,
        channel: Channel,
        routes: Sequence[ProviderRoute],
        *,
        switchboard: Switchboard,
        recorder: Recorder,
        heart: Heart,
        times: DeliverTimes,
        clock: Clock,
        entropy: Entropy,
        metrics: Metrics,
        part: Callable[[], Part],
        held_max: int | None = None,
    ) -> None:
        """`part`: this worker's of the accounts' limits. `held_max`: see Dispatcher."""
        self._channel = channel
        self._switchboard = switchboard
        self._recorder = recorder
        self._clock = clock
        self._entropy = entropy
        self._metrics = metrics
        self._platforms = {route.provider.name: route.platform for route in routes}
        self._resting = {route.provider.name: route.weight for route in routes}
        self._weights = {platform: self._weights_of(platform) for platform in set(self._platforms.values())}
        self._dispatchers = {
            route.provider.name: Dispatcher(
                route.provider,
                heart=heart,
                recorder=recorder,
                times=times,
                clock=clock,
                entropy=entropy,
                metrics=metrics,
                part=part,
                move=self._move,
                reroute=self._reroute,
                held_max=held_max,
            )
            for route in routes
        }
        switchboard.on_change(self._switched)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for dispatcher in self._dispatchers.values():
                tasks.create_task(dispatcher.run())
            while True:
                await self._clock.sleep(_DRIFT_INTERVAL_S)
                self._drift()

    def submit(self, tickets: Sequence[Ticket]) -> None:
        """Never waits. What is paused, or has no provider, goes to the retry queue unsent; what is sent again is
        listed first, and then goes as the switches stand once it is.
        """
        tickets = self._unpaused(tickets)
        again = [ticket for ticket in tickets if ticket.again]
        if again:
            self._recorder.list_again(again, lambda: self._hand_out(self._unpaused(tickets)))
        else:
            self._hand_out(tickets)

    def _unpaused(self, tickets: Sequence[Ticket]) -> Sequence[Ticket]:
        paused = self._switchboard.current.paused_types
        if not paused:
            return tickets
        held = [ticket for ticket in tickets if ticket.delivery.type_name in paused]
        if held:
            self._recorder.postpone(held, Reason.PAUSED)
        return [ticket for ticket in tickets if ticket.delivery.type_name not in paused]

    def _hand_out(self, tickets: Sequence[Ticket]) -> None:
        enabled = self._enabled()
        by_platform: defaultdict[str, list[Ticket]] = defaultdict(list)
        for ticket in tickets:
            by_platform[ticket.delivery.platform].append(ticket)
        for platform, alike in by_platform.items():
            for name, group in self._shared_out(platform, alike, enabled.get(platform, [])):
                if name is None:
                    self._recorder.postpone(group, Reason.NO_PROVIDER)
                else:
                    self._dispatchers[name].submit(group)

    def _move(
        self, tickets: list[Ticket], outcomes: list[Outcome], provider: str
    ) -> tuple[list[Ticket], list[Outcome]]:
        """At once to another provider what this one refused for reasons of its own; gives back the rest."""
        self._shift_weight(provider)
        if len(self._dispatchers) == 1:
            return tickets, outcomes
        kept: list[Ticket] = []
        kept_outcomes: list[Outcome] = []
        moved: list[tuple[Ticket, Outcome]] = []
        for ticket, outcome in zip(tickets, outcomes, strict=True):
            if may_move(outcome) and self._able(ticket, but=(*ticket.refused_by, provider)):
                moved.append((ticket, outcome))
            else:
                kept.append(ticket)
                kept_outcomes.append(outcome)
        if moved:
            self._recorder.refused([ticket for ticket, _ in moved], [outcome for _, outcome in moved], provider)
            for ticket, _ in moved:
                ticket.refused_by = (*ticket.refused_by, provider)
            self.submit([ticket for ticket, _ in moved])
        return kept, kept_outcomes

    def _reroute(self, tickets: list[Ticket], provider: str) -> list[Ticket]:
        """To others what waits for a provider that cannot be asked now; gives back what has nobody else."""
        if len(self._dispatchers) == 1:
            return tickets
        stays: list[Ticket] = []
        goes: list[Ticket] = []
        for ticket in tickets:
            (goes if self._able(ticket, but=(provider,)) else stays).append(ticket)
        self.submit(goes)
        return stays

    @property
    def has_room(self) -> bool:
        """Whether to take in what can wait elsewhere: more would only go back to the retry queue unsent."""
        usable = [
            dispatcher
            for name, dispatcher in self._dispatchers.items()
            if self._switchboard.current.of(name) is ProviderSwitch.ENABLED
        ]
        # Where all are switched off, what waits is received all the same: it may have to expire.
        return not usable or any(dispatcher.has_room for dispatcher in usable)

    def report(self) -> list[Seen]:
        """How its providers stand, for people."""
        now_s = self._clock.elapsed_s()
        reports = []
        for name, dispatcher in self._dispatchers.items():
            pacer, weights = dispatcher.pacer, self._weights[self._platforms[name]]
            rate = pacer.rate(now_s)
            reports.append(
                Seen(
                    provider=name,
                    channel=self._channel,
                    breaker=pacer.health.breaker_state,
                    weight=weights.current[name],
                    resting_weight=weights.resting[name],
                    rate_per_s=rate.rate_per_s,
                    limit_per_s=rate.limit_per_s,
                    answers_per_s=pacer.health.answers_per_s(now_s),
                    errors=pacer.health.errors(now_s),
                    errors_max=ERRORS_TO_MOVE,
                )
            )
        return reports

    def _weights_of(self, platform: str) -> Weights:
        resting = {name: weight for name, weight in self._resting.items() if self._platforms[name] == platform}
        return Weights(resting, self._clock.elapsed_s())

    def _drift(self) -> None:
        """Weights go back towards the configured ones."""
        now_s = self._clock.elapsed_s()
        for weights in self._weights.values():
            weights.drift(now_s)
        for name, dispatcher in self._dispatchers.items():
            state = dispatcher.pacer.health.breaker_state
            self._metrics.provider_up.set(int(state is BreakerState.CLOSED), self._channel, name)
            weight = self._weights[self._platforms[name]].current[name]
            self._metrics.provider_weight.set(weight, self._channel, name)

    def _enabled(self) -> dict[str, list[str]]:
        """Providers by platform."""
        enabled: dict[str, list[str]] = {}
        for name, platform in self._platforms.items():
            if self._switchboard.current.of(name) is ProviderSwitch.ENABLED:
                enabled.setdefault(platform, []).append(name)
        return enabled

    def _shared_out(
        self, platform: str, tickets: list[Ticket], enabled: Sequence[str]
    ) -> Iterable[tuple[str | None, list[Ticket]]]:
        """By weight among those that can be asked; among the enabled where none can."""
        if len(enabled) <= 1:
            return [(enabled[0] if enabled else None, tickets)]
        weights = self._weights[platform]
        by_provider: defaultdict[str | None, list[Ticket]] = defaultdict(list)
        for ticket in tickets:
            able = [name for name in self._able(ticket) if name not in ticket.refused_by]
            by_provider[weights.choose(able or enabled, self._entropy.fraction())].append(ticket)
        return by_provider.items()

    def _able(self, ticket: Ticket, but: Sequence[str] = ()) -> list[str]:
        """Who is enabled and has a closed breaker, or one whose probe is due."""
        now_s = self._clock.elapsed_s()
        return [
            name
            for name, dispatcher in self._dispatchers.items()
            if name not in but
            and self._platforms[name] == ticket.delivery.platform
            and self._switchboard.current.of(name) is ProviderSwitch.ENABLED
            and (
                dispatcher.pacer.health.breaker_state is BreakerState.CLOSED
                or (dispatcher.is_idle and dispatcher.pacer.health.is_probe_due(now_s))
            )
        ]

    def _shift_weight(self, provider: str) -> None:
        now_s = self._clock.elapsed_s()
        if not self._dispatchers[provider].pacer.health.wants_less(now_s):
            return
        weights = self._weights[self._platforms[provider]]
        if weights.move_from(provider, now_s):
            log.warning("weight_moved", channel=self._channel, provider=provider, weights=weights.current)

    def _switched(self) -> None:
        """What waits for a provider that was disabled goes to others."""
        for name, dispatcher in self._dispatchers.items():
            if self._switchboard.current.of(name) is ProviderSwitch.DISABLED:
                waiting = dispatcher.take_back()
                if waiting:
                    log.info("rerouted", provider=name, deliveries=len(waiting))
                    self.submit(waiting)
