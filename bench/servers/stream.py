"""Shards and what lies in them, whichever service serves them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable

import msgspec

from bench.servers.events import Stamp, spread


class Rendered(msgspec.Struct, gc=False):
    """A record as it goes out, ready to be joined into a page; `size_bytes` is what the service counts."""

    text: bytes
    size_bytes: int


# (shard, place in the shard, stamp) → the record as it goes out
Render = Callable[[int, int, Stamp], Rendered]


class Page(msgspec.Struct):
    """`body`: the records joined by commas; `behind_s`: age of the last one while more follow, else 0."""

    body: bytes
    next_place: int
    behind_s: float


class Shard:
    """Records in order. Running totals of bytes let a page's end be found by bisection."""

    def __init__(self) -> None:
        self._records: list[bytes] = []
        self._bytes_until: list[int] = [0]
        self._arrivals_s: list[float] = []

    def __len__(self) -> int:
        return len(self._records)

    def add(self, rendered: Rendered, arrival_s: float) -> None:
        self._records.append(rendered.text)
        self._bytes_until.append(self._bytes_until[-1] + rendered.size_bytes)
        self._arrivals_s.append(round(arrival_s, 3))  # as the record itself says it

    def place_at(self, timestamp_s: float) -> int:
        return bisect_left(self._arrivals_s, timestamp_s)

    def page(self, place: int, records_max: int, bytes_max: int, now_s: float) -> Page:
        fits = bisect_right(self._bytes_until, self._bytes_until[min(place, len(self))] + bytes_max) - 1
        end = min(max(fits, place + 1), place + records_max, len(self))
        behind_s = now_s - self._arrivals_s[end - 1] if 0 < end < len(self) else 0.0
        return Page(b",".join(self._records[place:end]), max(place, end), behind_s)


class _Paced(msgspec.Struct):
    """Events still to come: number `n` arrives at `start_s + (n - first) / rate_per_s`."""

    first: int
    end: int
    start_s: float
    rate_per_s: float


class Stream:
    """Event `n` goes to shard `n % shards`, but `hot_percent` of them go to shard 0.

    Unpaced events are rendered when appended, paced ones as they come.
    """

    def __init__(self, shards: int, render: Render, hot_percent: int = 0) -> None:
        self.shards = [Shard() for _ in range(shards)]
        self._render = render
        self._hot_percent = hot_percent
        self._next = 0
        self._paced: _Paced | None = None

    def append(self, events: int, rate_per_s: float, now_s: float) -> None:
        """`rate_per_s` 0: all of them are there at once."""
        assert self._paced is None, "the events appended before are still arriving"
        if rate_per_s:
            self._paced = _Paced(self._next, self._next + events, now_s, rate_per_s)
            return
        for number in range(self._next, self._next + events):
            self._add(Stamp(number, now_s))
        self._next += events

    def advance(self, now_s: float) -> None:
        """Lets those events appear that have arrived by now."""
        paced = self._paced
        if paced is None:
            return
        arrived = min(paced.end, paced.first + int((now_s - paced.start_s) * paced.rate_per_s) + 1)
        for number in range(self._next, arrived):
            self._add(Stamp(number, paced.start_s + (number - paced.first) / paced.rate_per_s))
        self._next = max(self._next, arrived)
        if self._next == paced.end:
            self._paced = None

    def halt(self) -> None:
        """What has not arrived yet never does."""
        self._paced = None

    def _add(self, stamp: Stamp) -> None:
        is_hot = self._hot_percent and spread(stamp.number) % 100 < self._hot_percent
        index = 0 if is_hot else stamp.number % len(self.shards)
        shard = self.shards[index]
        shard.add(self._render(index, len(shard), stamp), stamp.produced_at_s)
