"""Clock and Entropy of notifyd.ports, without a clock and without randomness."""

from __future__ import annotations

import asyncio
from base64 import b32encode
from bisect import insort
from hashlib import sha256
from itertools import count

# A sleeper lets the loop turn so often before it moves time: who is awake does its work at the old time.
_TURNS = 10


class FakeClock:
    """Virtual time: it moves when somebody sleeps, always to the earliest wake-up, or by `advance`."""

    def __init__(self, now_s: float = 1_700_000_000.0) -> None:
        self._epoch_s = now_s
        self._elapsed_s = 0.0
        self._sleepers: list[tuple[float, int]] = []
        self._numbers = count()
        self.slept_s: list[float] = []

    def now_s(self) -> float:
        return self._epoch_s + self._elapsed_s

    def elapsed_s(self) -> float:
        return self._elapsed_s

    def advance(self, seconds: float) -> None:
        self._elapsed_s += seconds

    async def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        me = (self._elapsed_s + seconds, next(self._numbers))
        insort(self._sleepers, me)
        try:
            while True:
                for _ in range(_TURNS):
                    await asyncio.sleep(0)  # noqa: TID251 - yields to the loop; this is the clock
                if self._sleepers[0] == me:
                    break
            self._elapsed_s = max(self._elapsed_s, me[0])
        finally:
            self._sleepers.remove(me)


class FakeEntropy:
    """The same seed gives the same fractions and tokens; no two tokens of a seed are equal."""

    def __init__(self, seed: str = "") -> None:
        self._seed = seed
        self._numbers = count()

    def fraction(self) -> float:
        return int.from_bytes(self._digest()[:6]) / 2**48

    def token(self) -> str:
        return b32encode(self._digest()[:20]).decode()[:26]

    def _digest(self) -> bytes:
        return sha256(f"{self._seed}/{next(self._numbers)}".encode()).digest()
