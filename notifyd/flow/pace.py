"""When a shard's next write goes out: one an interval, with a burst of two, so that a shard with nothing left to
send need not wait for the next turn; and what only settles waits for the next claim to carry it along.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from notifyd.core.rate import TokenBucket
from notifyd.core.steps import Steps
from notifyd.ports import Clock

_PATIENCE_INTERVALS = 2


class Pace:
    """What only settles waits for two intervals, or for a step between two reads where that is longer: under
    a steady load the next records are there by then, and a shard's write settles one part and claims the next.
    """

    def __init__(self, clock: Clock, steps: Steps, *, interval_s: float) -> None:
        self._clock = clock
        self._bucket = TokenBucket(1.0 / interval_s, burst=2.0, now_s=clock.elapsed_s())
        self._steps = steps
        self._patience_s = _PATIENCE_INTERVALS * interval_s
        self.is_patient = False
        """Nothing but what presses has to wake whoever waits."""

    async def wait(self, work: asyncio.Event, is_pressing: Callable[[], bool]) -> None:
        """Returns when the write may go out. `work`: set whenever `is_pressing` may have become true."""
        if not is_pressing():
            await self._until(is_pressing, work)
        wait_s = self._bucket.take(1.0, self._clock.elapsed_s())
        if wait_s > 0:
            await self._clock.sleep(wait_s)

    async def _until(self, is_pressing: Callable[[], bool], work: asyncio.Event) -> None:
        self.is_patient = True
        # A timer, for a timeout that nearly always comes would cost an exception each time.
        patience_s = max(self._patience_s, self._steps.step_s)
        end = asyncio.get_running_loop().call_later(patience_s, self._lose_patience, work)
        try:
            while self.is_patient and not is_pressing():
                await work.wait()
                work.clear()
        finally:
            end.cancel()
            self.is_patient = False

    def _lose_patience(self, work: asyncio.Event) -> None:
        self.is_patient = False
        work.set()
