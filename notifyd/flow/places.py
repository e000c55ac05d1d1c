"""How many of one provider's requests may be on their way."""

from __future__ import annotations

import asyncio

from notifyd.ports import Limits


class Places:
    """Whoever waits for room is one: it takes what it found before it lets anybody else run."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.free = most
        self._freed = asyncio.Event()

    async def room_for(self, count: int) -> None:
        """Returns once so many are free, or all of them."""
        while self.free < min(count, self.most):
            self._freed.clear()
            await self._freed.wait()

    def take(self, count: int) -> None:
        self.free -= count

    def give_back(self, count: int) -> None:
        self.free += count
        self._freed.set()


def places_max(limits: Limits, held_max: int | None) -> int:
    """Of requests. Where each delivery is one, `held_max` is counted in them, else in whole batches."""
    if held_max is None:
        return limits.in_flight_max
    return max(1, min(limits.in_flight_max, held_max if limits.each_alone else held_max // limits.batch_max))
