"""What arrived, held against what was produced: every mail carries its event's number and time of production."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

from typing_extensions import Buffer

_MARK = re.compile(rb"bench-mark:(\d+):(\d+);")
_DELIVERY_ID = re.compile(r"[A-Za-z2-7]{26}")


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
        self._latencies: defaultdict[int, int] = defaultdict(int)

    def accept(self, text: Buffer, delivery_id: str, at_s: float, place: int = 0) -> None:
        """`text` holds `bench-mark:<event number>:<produced at, epoch ms>;` and need not be taken apart for it;
        `place`: which of a user's devices got it, below 8.
        """
        found = _MARK.search(text)
        assert found is not None, "what came carries no mark"
        number, bit = int(found[1]), 1 << place
        seen, ids = self._seen, self._ids
        if number >= len(seen):
            seen.extend(bytes(number + 100_000 - len(seen)))
        if seen[number] & bit:
            self._duplicates += 1
        else:
            seen[number] |= bit
            self._unique += 1
            # Each event and device has one delivery, so an id that two of them share was made wrongly.
            if delivery_id in ids or _DELIVERY_ID.fullmatch(delivery_id) is None:
                self._bad_ids += 1
            ids.add(delivery_id)
        self._accepted += 1
        self._last_s = at_s
        self._latencies[round(at_s * 1000) - int(found[2])] += 1

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
