"""What arrived, held against what was produced: every mail carries its event's number and time of production."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

MARK = "bench-mark:"
_DELIVERY_ID = re.compile(r"[A-Z2-7]{26}", re.IGNORECASE)


class Mark:
    """`bench-mark:<event number>:<produced at, epoch ms>;`, found in a mail's text without taking it apart."""

    __slots__ = ("number", "produced_at_ms")

    def __init__(self, text: str) -> None:
        start = text.index(MARK) + len(MARK)
        number, produced_at_ms = text[start : text.index(";", start)].split(":")
        self.number = int(number)
        self.produced_at_ms = int(produced_at_ms)


class Tally:
    """What was seen, and the ids, live as long as the process, the rest from one `/_bench/window` to the next."""

    def __init__(self) -> None:
        self._seen = bytearray()
        self._ids: set[str] = set()
        self._unique = 0
        self._duplicates = 0
        self._bad_ids = 0
        self.start_window()

    def start_window(self) -> None:
        self._accepted = 0
        self._last_s = 0.0
        self._latencies: Counter[int] = Counter()

    def accept(self, text: str, delivery_id: str, at_s: float, place: int = 0) -> None:
        """`place`: which of a user's devices got it, below 8."""
        mark, bit = Mark(text), 1 << place
        if mark.number >= len(self._seen):
            self._seen.extend(bytes(mark.number + 100_000 - len(self._seen)))
        if self._seen[mark.number] & bit:
            self._duplicates += 1
        else:
            self._seen[mark.number] |= bit
            self._unique += 1
            # Each event and device has one delivery, so an id that two of them share was made wrongly.
            if delivery_id in self._ids or _DELIVERY_ID.fullmatch(delivery_id) is None:
                self._bad_ids += 1
            self._ids.add(delivery_id)
        self._accepted += 1
        self._last_s = at_s
        self._latencies[round(at_s * 1000) - mark.produced_at_ms] += 1

    def progress(self) -> dict[str, Any]:
        return {"accepted": self._accepted, "unique": self._unique}

    def stats(self) -> dict[str, Any]:
        """`latencies`: of the window, source → accepted: how many took so many milliseconds."""
        return {
            **self.progress(),
            "duplicates": self._duplicates,
            "bad_ids": self._bad_ids,
            "last_accepted_s": self._last_s,
            "latencies": dict(self._latencies),
        }
