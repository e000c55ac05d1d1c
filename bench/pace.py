"""How fast a core runs meanwhile.

On a shared host somebody else may have the other half of the core; a second of CPU time then holds half the work.
Nothing in the guest tells: neither load nor steal. So a fixed piece of work is timed, again and again.
"""

from __future__ import annotations

import os
import threading
import time
from statistics import median
from types import TracebackType
from typing import Self

# Ten a second take half a percent of the core.
_STEPS = 2_000
_EVERY_S = 0.1


class Pace:
    """Samples `core` from another thread while the block runs. None: wherever the thread happens to run."""

    def __init__(self, core: int | None) -> None:
        self._core = core
        self._samples: list[tuple[float, float]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def since(self, at_s: float) -> float:
        """Seconds of the piece of work since `at_s` (epoch seconds), the middle one; 0: nothing was sampled."""
        seen_s = [took_s for sampled_at_s, took_s in self._samples if sampled_at_s >= at_s]
        return median(seen_s) if seen_s else 0.0

    def _sample(self) -> None:
        if self._core is not None:
            os.sched_setaffinity(0, {self._core})  # of this thread alone
        texts = {number: str(number) for number in range(_STEPS)}
        while not self._ended.wait(_EVERY_S):
            self._samples.append((time.time_ns() / 1e9, _work(texts)))


def _work(texts: dict[int, str]) -> float:
    """CPU seconds of this thread: waiting for the core or for other threads does not count."""
    begun_s = time.thread_time()
    for number in range(_STEPS):
        texts[number] = str(number) + texts[number][:3]
    return time.thread_time() - begun_s
