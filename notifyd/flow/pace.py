"""A write an interval, with a burst of two: a shard with nothing left to send need not wait for the next turn."""

from __future__ import annotations

from notifyd.core.rate import TokenBucket
from notifyd.ports import Clock


class Pace:
    def __init__(self, clock: Clock, *, interval_s: float) -> None:
        self._clock = clock
        self._bucket = TokenBucket(1.0 / interval_s, burst=2.0, now_s=clock.elapsed_s())

    async def wait(self) -> None:
        wait_s = self._bucket.take(1.0, self._clock.elapsed_s())
        if wait_s > 0:
            await self._clock.sleep(wait_s)
