"""Values remembered for a while, at most so many. Pure: the caller brings the time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Generic, TypeVar

V = TypeVar("V")


class TtlCache(Generic[V]):
    """Every value lives equally long, so the order of writing is the queue of what expires next.

    A plain dict has that order, too, but finds its first entry by walking over all that were dropped before it.
    When full, the value written longest ago goes: it would be the next to expire. `ttl_s` 0 remembers nothing.
    """

    def __init__(self, *, ttl_s: float, entries_max: int) -> None:
        if ttl_s < 0 or entries_max < 1:
            raise ValueError(f"ttl_s {ttl_s} has to be 0 or more, entries_max {entries_max} 1 or more")
        self._ttl_s = ttl_s
        self._entries_max = entries_max
        self._entries: OrderedDict[str, tuple[float, V]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def split(self, keys: Iterable[str], now_s: float) -> tuple[dict[str, V], list[str]]:
        """What is remembered of the keys, and the keys of which nothing is."""
        oldest_s = now_s - self._ttl_s
        known: dict[str, V] = {}
        unknown = []
        entries = self._entries
        for key in keys:
            entry = entries.get(key)
            if entry is not None and entry[0] > oldest_s:
                known[key] = entry[1]
            else:
                unknown.append(key)
        return known, unknown

    def remember(self, values: dict[str, V], read_at_s: float, now_s: float) -> None:
        """`read_at_s`: when the question was sent, for the answer may be as old as that."""
        if not self._ttl_s:
            return
        entries = self._entries
        for key, value in values.items():
            entries.pop(key, None)
            entries[key] = (read_at_s, value)
        self._drop(now_s - self._ttl_s)

    def _drop(self, oldest_s: float) -> None:
        entries = self._entries
        while entries:
            key = next(iter(entries))
            if entries[key][0] > oldest_s and len(entries) <= self._entries_max:
                return
            del entries[key]
