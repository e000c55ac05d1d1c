"""A token bucket, counted in batches."""

from __future__ import annotations


class TokenBucket:
    """`rate_per_s` tokens a second, at most `burst` saved up. Pure: the caller brings the time.

    Grants may drive the level below zero; the wait that `take` returns pays that back, so that a batch larger
    than the burst passes, later, and the rate holds over time.
    """

    def __init__(self, rate_per_s: float, burst: float, now_s: float) -> None:
        if rate_per_s <= 0 or burst <= 0:
            raise ValueError(f"rate {rate_per_s}/s and burst {burst} have to be above 0")
        self.rate_per_s = rate_per_s
        self.burst = burst
        self._level = burst
        self._at_s = now_s

    def take(self, tokens: float, now_s: float) -> float:
        """Takes the tokens; the seconds to wait before they may be used."""
        self._refill(now_s)
        self._level -= tokens
        return max(0.0, -self._level / self.rate_per_s)

    def wait_s(self, now_s: float) -> float:
        """How long a token taken now would have to wait."""
        self._refill(now_s)
        return max(0.0, (1.0 - self._level) / self.rate_per_s) if self._level < 1.0 else 0.0

    def set_rate(self, rate_per_s: float, burst: float, now_s: float) -> None:
        self._refill(now_s)
        self.rate_per_s = rate_per_s
        self.burst = burst
        self._level = min(self._level, burst)

    def _refill(self, now_s: float) -> None:
        passed_s = max(0.0, now_s - self._at_s)
        self._level = min(self.burst, self._level + passed_s * self.rate_per_s)
        self._at_s = now_s
