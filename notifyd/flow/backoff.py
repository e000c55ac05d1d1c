"""Waiting longer and longer, with full jitter, for something outside that will come back."""

from __future__ import annotations

from notifyd.ports import Clock, Entropy


class Backoff:
    """Doubles from `base_s` up to `max_s`. The caller's cancel scope is the limit."""

    def __init__(self, clock: Clock, entropy: Entropy, *, base_s: float, max_s: float) -> None:
        self._clock = clock
        self._entropy = entropy
        self._base_s = base_s
        self._max_s = max_s
        self._tries = 0

    async def wait(self) -> None:
        ceiling_s = min(self._max_s, self._base_s * 2.0 ** min(self._tries, 30))
        self._tries += 1
        await self._clock.sleep(ceiling_s * (0.1 + 0.9 * self._entropy.fraction()))

    def reset(self) -> None:
        self._tries = 0
