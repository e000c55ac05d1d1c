"""Stops asking somebody who does not answer, and finds out when he does again. Pure: the caller brings the time.

CLOSED ──failures_max in a row──▶ OPEN ──its time is over──▶ HALF_OPEN ──the probe succeeds──▶ CLOSED
                                   ▲                             │
                                   └───────the probe fails───────┘  for twice as long, up to open_max_s
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class BreakerPolicy(msgspec.Struct, frozen=True):
    failures_max: int = 5
    open_s: float = 1.0
    open_max_s: float = 30.0


class Pass(msgspec.Struct, frozen=True):
    """Leave to ask once. Its result counts only in the period that it was given in: what was begun before
    the breaker opened tells nothing about the other side as it is now.
    """

    period: int


class Breaker:
    """Every Pass is given back once: `succeeded`, `failed`, or `abandoned` where nobody waited for the answer."""

    def __init__(self, policy: BreakerPolicy) -> None:
        self.state = BreakerState.CLOSED
        self._policy = policy
        self._period = 0
        self._failures = 0
        self._openings = 0
        self._open_until_s = 0.0

    def begin(self, now_s: float) -> Pass | None:
        """None: do not ask. While half open one probe is out, and nobody else asks."""
        match self.state:
            case BreakerState.CLOSED:
                return Pass(self._period)
            case BreakerState.OPEN if now_s >= self._open_until_s:
                self._enter(BreakerState.HALF_OPEN)
                return Pass(self._period)
            case _:
                return None

    def is_probe_due(self, now_s: float) -> bool:
        """Whether it is open and `begin` would let one through."""
        return self.state is BreakerState.OPEN and now_s >= self._open_until_s

    def succeeded(self, given: Pass) -> None:
        if given.period != self._period:
            return
        self._failures = 0
        if self.state is BreakerState.HALF_OPEN:
            self._openings = 0
            self._enter(BreakerState.CLOSED)

    def failed(self, given: Pass, now_s: float, fraction: float) -> None:
        """`fraction`: uniform in [0, 1)."""
        if given.period != self._period:
            return
        self._failures += 1
        if self.state is BreakerState.CLOSED and self._failures < self._policy.failures_max:
            return
        longest_s = min(self._policy.open_max_s, self._policy.open_s * 2.0 ** min(self._openings, 30))
        # Half of it is sure, or a breaker could open for no time; the jitter keeps replicas' probes apart.
        self._open_until_s = now_s + longest_s * (1 + fraction) / 2
        self._openings += 1
        self._enter(BreakerState.OPEN)

    def abandoned(self, given: Pass) -> None:
        """The next to ask is the probe then."""
        if given.period == self._period and self.state is BreakerState.HALF_OPEN:
            self._enter(BreakerState.OPEN)

    def _enter(self, state: BreakerState) -> None:
        self.state = state
        self._period += 1
        self._failures = 0
