"""How many deliveries a process has begun and not settled in its ledger, told from outside: its slots bound it."""

from __future__ import annotations

from collections import Counter, defaultdict


class OpenSends:
    """What each process has sent out of a shard, up to the shard's first write after its row was durable."""

    def __init__(self) -> None:
        self._unrowed: dict[str, tuple[str, str]] = {}
        self._rowed: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        self._counts: Counter[str] = Counter()

    def count(self, process: str) -> int:
        return self._counts[process]

    def sent(self, process: str, key: str, delivery_id: str) -> None:
        before = self._unrowed.get(delivery_id)
        if before is not None:
            self._counts[before[0]] -= 1
        self._unrowed[delivery_id] = process, key
        self._counts[process] += 1

    def rowed(self, delivery_id: str) -> None:
        sender = self._unrowed.pop(delivery_id, None)
        if sender is None:
            return
        if delivery_id in self._rowed[sender]:
            self._counts[sender[0]] -= 1  # sent again before it was settled: one delivery all the same
        self._rowed[sender].add(delivery_id)

    def written(self, process: str, key: str) -> None:
        self._counts[process] -= len(self._rowed.pop((process, key), ()))

    def lost(self, process: str, key: str) -> None:
        """The shard is another's now, who looks up what was begun."""
        gone = [delivery_id for delivery_id, sender in self._unrowed.items() if sender == (process, key)]
        for delivery_id in gone:
            self.rowed(delivery_id)
        self.written(process, key)
