"""What arrived, held against what was produced: every mail carries its event's number and time of production."""

from __future__ import annotations

import re
from array import array
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
    """`seen` and the ids live as long as the process, the rest from one `/_bench/window` to the next."""

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
        self._latencies_ms = array("d")

    def accept(self, text: str, delivery_id: str, at_s: float) -> None:
        mark = Mark(text)
        if mark.number >= len(self._seen):
            self._seen.extend(bytes(mark.number + 100_000 - len(self._seen)))
        if self._seen[mark.number]:
            self._duplicates += 1
        else:
            self._seen[mark.number] = 1
            self._unique += 1
            # An event has one delivery here, so an id that two events share was made wrongly.
            if delivery_id in self._ids or _DELIVERY_ID.fullmatch(delivery_id) is None:
                self._bad_ids += 1
            self._ids.add(delivery_id)
        self._accepted += 1
        self._last_s = at_s
        self._latencies_ms.append(at_s * 1000 - mark.produced_at_ms)

    def progress(self) -> dict[str, Any]:
        return {"accepted": self._accepted, "unique": self._unique}

    def stats(self) -> dict[str, Any]:
        """Latencies are of the window, source → accepted, in milliseconds."""
        latencies = sorted(self._latencies_ms)
        return {
            **self.progress(),
            "duplicates": self._duplicates,
            "bad_ids": self._bad_ids,
            "last_accepted_s": self._last_s,
            "p50_ms": quantile(latencies, 0.5),
            "p95_ms": quantile(latencies, 0.95),
            "p99_ms": quantile(latencies, 0.99),
        }


def quantile(ordered: list[float], fraction: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * fraction))] if ordered else 0.0
