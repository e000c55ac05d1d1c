"""Whose turn it is, at a rate, among many who can come again later."""

from __future__ import annotations

from notifyd.core.rate import TokenBucket


class Turns:
    """Lets `rate_per_s` through at once. The others are told when to come again, each at a time of his own."""

    def __init__(self, rate_per_s: float, now_s: float) -> None:
        self._bucket = TokenBucket(rate_per_s, burst=max(1.0, rate_per_s), now_s=now_s)
        self._line = TokenBucket(rate_per_s, burst=1.0, now_s=now_s)

    def take(self, now_s: float) -> float | None:
        """None: it is the caller's turn. Else the seconds after which he may ask for it again."""
        wait_s = self._bucket.wait_s(now_s)
        if wait_s > 0:
            return wait_s + self._line.take(1.0, now_s)
        self._bucket.take(1.0, now_s)
        return None
