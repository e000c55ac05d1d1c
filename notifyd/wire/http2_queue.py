"""What waits for a stream, in the order in which it came."""

from __future__ import annotations

from notifyd.wire.http2_exchange import Batch, Exchange


class Queue:
    """By batch, so that a batch whose time is over leaves at once, from wherever it stands."""

    def __init__(self, *, waiting_max: int) -> None:
        self._waiting_max = waiting_max
        self._batches: dict[Batch, None] = {}
        self._waiting = 0

    def __len__(self) -> int:
        return self._waiting

    def put(self, batch: Batch) -> None:
        """What finds no place is refused."""
        room = self._waiting_max - self._waiting
        surplus, batch.exchanges = batch.exchanges[room:], batch.exchanges[:room]
        if batch.exchanges:
            self._waiting += len(batch.exchanges)
            self._batches[batch] = None
        for exchange in surplus:
            exchange.refuse(f"{self._waiting_max} requests wait already")

    def first(self) -> Exchange | None:
        for batch in self._batches:
            return batch.exchanges[batch.begun]
        return None

    def take_first(self) -> None:
        batch = next(iter(self._batches))
        batch.begun += 1
        self._waiting -= 1
        if batch.begun == len(batch.exchanges):
            del self._batches[batch]

    def refuse(self, batch: Batch, why: str) -> None:
        """What of this batch still waits."""
        if batch in self._batches:
            del self._batches[batch]
            waiting = batch.exchanges[batch.begun :]
            self._waiting -= len(waiting)
            for exchange in waiting:
                exchange.refuse(why)

    def refuse_all(self, why: str) -> None:
        for batch in list(self._batches):
            self.refuse(batch, why)
