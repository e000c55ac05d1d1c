"""Requests that are handed over together, and what became of each."""

from __future__ import annotations

import asyncio
from typing import Protocol

from notifyd.errors import NoAnswer, NotSent, TurnedAway
from notifyd.wire.http2_fields import Fields, headers_of
from notifyd.wire.transport import Answer, Response


class Carrier(Protocol):
    def cancel(self, stream_id: int) -> None:
        """Ends the stream: nobody waits for its answer any more."""
        ...


class Batch:
    """Whoever waits is woken once, when every request is settled: a future for each would cost as much as the
    request itself.
    """

    __slots__ = ("_left", "answers", "begin_by_s", "begun", "done", "exchanges", "origin", "timer")

    timer: asyncio.TimerHandle

    def __init__(self, origin: str, count: int, *, begin_by_s: float) -> None:
        self.origin = origin
        self.begin_by_s = begin_by_s
        """In the loop's time: what has not begun by then will not."""
        self.exchanges: list[Exchange] = []
        self.begun = 0
        """How many exchanges have left the queue; they begin in order."""
        self.answers: list[Answer | None] = [None] * count
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._left = count
        if not count:
            self.done.set_result(None)

    def settle(self, place: int, answer: Answer) -> None:
        self.answers[place] = answer
        self._left -= 1
        if not self._left:
            self.exchanges = []  # each points back here: a cycle would wait for the garbage collector
            if not self.done.done():
                self.done.set_result(None)


class Exchange:
    """One request on its way, and what has come of its answer. Settled once, whatever comes later."""

    __slots__ = ("_batch", "_body", "_headers", "_place", "body", "carrier", "fields", "settled", "stream_id")

    def __init__(self, batch: Batch, place: int, fields: Fields, body: bytes) -> None:
        self.fields = fields
        self.body = body
        self.carrier: Carrier | None = None
        """None: it has not begun."""
        self.stream_id = 0
        self.settled = False
        self._batch = batch
        self._place = place
        self._headers: Fields = ()
        self._body = b""

    def begin(self, carrier: Carrier, stream_id: int) -> None:
        """What was handed to the connection needs no second place in memory."""
        self.carrier = carrier
        self.stream_id = stream_id
        self.fields = ()
        self.body = b""

    def take_headers(self, headers: Fields) -> None:
        self._headers = headers

    def take_data(self, data: bytes) -> int:
        """How long the answer's body is by now."""
        self._body = self._body + data if self._body else data
        return len(self._body)

    def answer(self, *, connection: int) -> None:
        """The answer is whole."""
        status, headers = headers_of(self._headers)
        self._settle(Response(status, headers, self._body, connection))

    def refuse(self, why: str) -> None:
        """The other side has seen nothing."""
        self._undo(NotSent, why)

    def turn_away(self, why: str) -> None:
        """The other side says that it did nothing."""
        self._undo(TurnedAway, why)

    def lose(self, why: str) -> None:
        """Nobody knows what the other side has done."""
        self._settle(NoAnswer(f"{self._batch.origin}: {why}"))

    def _undo(self, kind: type[NotSent], why: str) -> None:
        """Nobody can say so once the answer has begun."""
        if self._headers:
            self.lose(f"{why}, after it had begun to answer")
        else:
            self._settle(kind(f"{self._batch.origin}: {why}"))

    def _settle(self, answer: Answer) -> None:
        if not self.settled:
            self.settled = True
            self._batch.settle(self._place, answer)
