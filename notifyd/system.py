"""The real clock and the real randomness: the one place that asks the machine."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable

# Linux counts a suspend in CLOCK_BOOTTIME; where there is none, CLOCK_REALTIME's jump shows it.
_SINCE_BOOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
# The two clocks are read one after the other and slewed apart by NTP: less than this is no jump. A lease's
# sends end a whole second before it may be taken.
_JUMP_MIN_S = 0.1


def _since_boot_s() -> float:
    return time.clock_gettime(_SINCE_BOOT)


def _epoch_s() -> float:
    return time.time()  # noqa: TID251 - this is the clock


class SystemClock:
    """`elapsed_s` goes by CLOCK_BOOTTIME, plus what CLOCK_REALTIME jumped ahead of it: a virtual machine that
    was stopped from outside may see only that. A step of CLOCK_REALTIME back takes nothing away.
    """

    def __init__(
        self, since_boot_s: Callable[[], float] = _since_boot_s, epoch_s: Callable[[], float] = _epoch_s
    ) -> None:
        self._since_boot_s = since_boot_s
        self._epoch_s = epoch_s
        self._ahead_s = epoch_s() - since_boot_s()
        self._jumped_s = 0.0

    def now_s(self) -> float:
        return self._epoch_s()

    def elapsed_s(self) -> float:
        since_boot_s = self._since_boot_s()
        ahead_s = self._epoch_s() - since_boot_s
        jump_s = ahead_s - self._ahead_s
        if jump_s >= _JUMP_MIN_S:
            self._jumped_s += jump_s
            self._ahead_s = ahead_s
        elif jump_s < 0:
            self._ahead_s = ahead_s
        return since_boot_s + self._jumped_s

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)  # noqa: TID251 - this is the clock


class SystemEntropy:
    def fraction(self) -> float:
        return (int.from_bytes(os.urandom(7)) >> 3) / 2**53  # as many bits as a float holds, so never 1.0

    def token(self) -> str:
        return os.urandom(13).hex()
