"""How fast an account may be used: its limit, this worker's share of it, and what its throttles say.

A throttle cuts the rate by a third, quiet raises it by a step each second (AIMD). Pure: the caller brings
the time.
"""

from __future__ import annotations

from typing import Final

import msgspec

from notifyd.core.rate import TokenBucket

_CUT: Final = 2 / 3
# Of the rate: from a cut back to the whole in about 20 s.
_STEP_A_SECOND: Final = 1 / 60
# Throttles that belong to one burst count as one.
_CUTS_APART_S: Final = 1.0
_RATE_MIN_PER_S: Final = 0.1
_BURST_S: Final = 0.1
# Where no limit is known, one that throttles made is lifted when the rate has grown to so many times it.
_LIFTED_AT: Final = 2.0


class RateState(msgspec.Struct, frozen=True):
    """For people: `limit_per_s` of the whole account, `rate_per_s` of this worker; None: without a limit."""

    limit_per_s: float | None
    rate_per_s: float | None
    paused_for_s: float


class AdaptiveRate:
    """`limit_per_s`: the account's, None: not known. `share`: this worker's part of it, in (0, 1]."""

    def __init__(self, limit_per_s: float | None, now_s: float) -> None:
        self._limit_per_s = limit_per_s
        self._share = 1.0
        self._factor = 1.0  # of the share, after throttles
        self._learned_per_s: float | None = None  # a ceiling that throttles made, where no limit is known
        self._bucket: TokenBucket | None = None
        self._cut_at_s = now_s
        self._grown_at_s = now_s
        self._paused_until_s = now_s
        self._taken = 0.0
        self._taken_since_s = now_s
        self._fit(now_s)

    @property
    def rate_per_s(self) -> float | None:
        """Of this worker, now."""
        ceiling = self._ceiling_per_s()
        return None if ceiling is None else max(_RATE_MIN_PER_S, ceiling * self._factor)

    def set_limit(self, limit_per_s: float | None, now_s: float) -> None:
        self._limit_per_s = limit_per_s
        if limit_per_s is not None:
            # Above 1 it looked for a limit that nobody knew.
            self._factor = min(1.0, self._factor)
        self._fit(now_s)

    def set_share(self, share: float, now_s: float) -> None:
        self._share = share
        self._fit(now_s)

    def wait_s(self, now_s: float) -> float:
        """Until a token may be taken."""
        self._grow(now_s)
        paused_s = self._paused_until_s - now_s
        bucket_s = self._bucket.wait_s(now_s) if self._bucket is not None else 0.0
        return max(0.0, paused_s, bucket_s)

    def take(self, tokens: float, now_s: float) -> None:
        self._taken += tokens
        if self._bucket is not None:
            self._bucket.take(tokens, now_s)

    def throttled(self, now_s: float, retry_after_s: float | None = None) -> None:
        if retry_after_s is not None:
            self._paused_until_s = max(self._paused_until_s, now_s + retry_after_s)
        if now_s - self._cut_at_s < _CUTS_APART_S:
            return
        self._cut_at_s = now_s
        if self._limit_per_s is None and self._learned_per_s is None:
            passed_s = max(now_s - self._taken_since_s, _CUTS_APART_S)
            self._learned_per_s = max(_RATE_MIN_PER_S, self._taken / passed_s)
        self._factor = max(self._factor * _CUT, _RATE_MIN_PER_S)
        self._grown_at_s = now_s
        self._fit(now_s)

    def state(self, now_s: float) -> RateState:
        return RateState(self._limit_per_s, self.rate_per_s, max(0.0, self._paused_until_s - now_s))

    def _ceiling_per_s(self) -> float | None:
        if self._limit_per_s is not None:
            return self._limit_per_s * self._share
        return self._learned_per_s

    def _grow(self, now_s: float) -> None:
        passed_s = now_s - self._grown_at_s
        if now_s - self._taken_since_s >= 10.0:
            self._taken, self._taken_since_s = 0.0, now_s
        if passed_s < 1.0 or self._ceiling_per_s() is None:
            return
        self._grown_at_s = now_s
        if self._limit_per_s is None:
            self._factor += passed_s * _STEP_A_SECOND
            if self._factor >= _LIFTED_AT:
                self._learned_per_s, self._factor = None, 1.0
        elif self._factor < 1.0:
            self._factor = min(1.0, self._factor + passed_s * _STEP_A_SECOND)
        else:
            return
        self._fit(now_s)

    def _fit(self, now_s: float) -> None:
        rate_per_s = self.rate_per_s
        if rate_per_s is None:
            self._bucket = None
            return
        burst = max(1.0, rate_per_s * _BURST_S)
        if self._bucket is None:
            self._bucket = TokenBucket(rate_per_s, burst=burst, now_s=now_s)
        else:
            self._bucket.set_rate(rate_per_s, burst=burst, now_s=now_s)
