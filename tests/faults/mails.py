"""What the mail service took so far, read from the journal that it writes before it answers."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from pathlib import Path

import msgspec

from notifyd.sandbox.inbox import JournalEntry

_decode = msgspec.json.Decoder(JournalEntry).decode


class Mails:
    """`refresh` reads on from where it stopped. Times are epoch seconds of this machine, the service's own."""

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._read_bytes = 0
        self._taken = Counter[str]()
        self._times_s: list[float] = []
        self._repeats_s: list[float] = []

    def refresh(self) -> None:
        with self._journal.open("rb") as journal:
            journal.seek(self._read_bytes)
            new = journal.read()
        whole, _, _ = new.rpartition(b"\n")
        if not whole:
            return
        self._read_bytes += len(whole) + 1
        for line in whole.split(b"\n"):
            entry = _decode(line)
            if self._taken[entry.delivery_id]:
                self._repeats_s.append(entry.time_s)
            self._taken[entry.delivery_id] += 1
            self._times_s.append(entry.time_s)

    @property
    def distinct(self) -> int:
        return len(self._taken)

    def count(self, from_s: float, to_s: float) -> int:
        return bisect_left(self._times_s, to_s) - bisect_left(self._times_s, from_s)

    def rate_per_s(self, from_s: float, to_s: float) -> float:
        return self.count(from_s, to_s) / (to_s - from_s)

    def repeats(self, from_s: float, to_s: float) -> int:
        """Those that had been taken before."""
        return bisect_left(self._repeats_s, to_s) - bisect_left(self._repeats_s, from_s)

    def first_after(self, at_s: float) -> float | None:
        position = bisect_left(self._times_s, at_s)
        return self._times_s[position] if position < len(self._times_s) else None

    def first_second_of(self, count: float, from_s: float) -> float | None:
        """When the first second began, at a mail, that brought so many."""
        for position in range(bisect_left(self._times_s, from_s), len(self._times_s)):
            began_s = self._times_s[position]
            if self.count(began_s, began_s + 1) >= count:
                return began_s
        return None

    def last_before(self, at_s: float) -> float | None:
        position = bisect_left(self._times_s, at_s)
        return self._times_s[position - 1] if position else None
