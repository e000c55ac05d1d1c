"""What a provider's answers of the last minute say of it. Pure: the caller brings the time."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from typing import Final

import msgspec

from notifyd.core.blame import Blame, blame_of
from notifyd.core.breaker import Breaker, BreakerPolicy, BreakerState, Pass
from notifyd.core.channel import Channel
from notifyd.core.outcome import Accepted, Outcome, Reason, Rejected

_WINDOW_S: Final = 60.0
_BUCKET_S: Final = 1.0
# GOV.UK Notify moves weight at 50 errors of the provider in a minute, or when 15 % of messages are slow.
ERRORS_TO_MOVE: Final = 50
SLOW_SHARE_TO_MOVE: Final = 0.15
_SLOW_MIN: Final = 100
# A mix-up of sandbox and production, or of projects, shows as a burst of bad tokens among answers, which no person
# typed. Elsewhere addresses are people's own, and any number of bad ones says nothing of the provider.
_OF_TOKENS: Final = frozenset({Channel.PUSH_IOS, Channel.PUSH_ANDROID})
_BAD_ADDRESSES_MIN: Final = 50
_BAD_ADDRESSES_SHARE: Final = 0.5
# Requests in a row, whole ones: single errors are the weights' business.
_POLICY: Final = BreakerPolicy(failures_max=5, open_s=5.0, open_max_s=60.0)


class Tally(msgspec.Struct):
    """What one request has brought by now: outcomes, those that count against the provider, and throttles."""

    all: int = 0
    failed: int = 0
    load: int = 0


class ProviderHealth:
    """One provider's breaker and its window of answers, in buckets of a second."""

    def __init__(self, channel: Channel) -> None:
        self._has_tokens = channel in _OF_TOKENS
        self._breaker = Breaker(_POLICY)
        self._buckets: deque[tuple[float, Counter[str]]] = deque()
        self._sums: Counter[str] = Counter()

    @property
    def breaker_state(self) -> BreakerState:
        return self._breaker.state

    def is_probe_due(self, now_s: float) -> bool:
        return self._breaker.is_probe_due(now_s)

    def begin(self, now_s: float) -> Pass | None:
        """Leave for one request; None: the breaker is open."""
        return self._breaker.begin(now_s)

    def abandoned(self, given: Pass) -> None:
        self._breaker.abandoned(given)

    def heard(
        self, tally: Tally, outcomes: Sequence[Outcome], *, took_s: float, slow_s: float, now_s: float
    ) -> None:
        """Some or all of one request's outcomes. `slow_s`: what took longer was slow."""
        refused = [one for one in outcomes if type(one) is not Accepted]
        blames = Counter(blame_of(outcome) for outcome in refused)
        failed = blames[Blame.PROVIDER] + blames[Blame.CONFIG]
        tally.all += len(outcomes)
        tally.failed += failed
        tally.load += blames[Blame.LOAD]
        self._count(
            now_s,
            all=len(outcomes),
            errors=failed,
            slow=len(outcomes) if took_s > slow_s else 0,
            bad_addresses=sum(
                isinstance(one, Rejected) and one.reason is Reason.ADDRESS_INVALID for one in refused
            ),
        )

    def ended(self, given: Pass, tally: Tally, *, now_s: float, fraction: float) -> None:
        """The request has had its last outcome: what all say of the provider. `fraction`: uniform in [0, 1)."""
        if tally.failed == tally.all or self._has_bad_address_burst():
            self._breaker.failed(given, now_s, fraction)
        elif tally.failed + tally.load == tally.all:
            self._breaker.abandoned(given)  # a throttle says neither
        else:
            self._breaker.succeeded(given)

    def wants_less(self, now_s: float) -> bool:
        """Whether weight should move away from it."""
        self._forget(now_s)
        slow = self._sums["slow"]
        is_slow = self._sums["all"] >= _SLOW_MIN and slow >= self._sums["all"] * SLOW_SHARE_TO_MOVE
        return self._sums["errors"] >= ERRORS_TO_MOVE or is_slow

    def errors(self, now_s: float) -> int:
        """Of the last minute; at ERRORS_TO_MOVE weight moves away."""
        self._forget(now_s)
        return self._sums["errors"]

    def answers_per_s(self, now_s: float) -> float:
        self._forget(now_s)
        return self._sums["all"] / _WINDOW_S

    def _has_bad_address_burst(self) -> bool:
        bad = self._sums["bad_addresses"]
        is_most = bad >= _BAD_ADDRESSES_MIN and bad >= self._sums["all"] * _BAD_ADDRESSES_SHARE
        return self._has_tokens and is_most

    def _count(self, now_s: float, **counts: int) -> None:
        self._forget(now_s)
        if not self._buckets or now_s - self._buckets[-1][0] >= _BUCKET_S:
            self._buckets.append((now_s, Counter()))
        self._buckets[-1][1].update(counts)
        self._sums.update(counts)

    def _forget(self, now_s: float) -> None:
        while self._buckets and now_s - self._buckets[0][0] >= _WINDOW_S:
            self._sums.subtract(self._buckets.popleft()[1])
