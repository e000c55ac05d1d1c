"""Requests that are handed over together, and what became of each."""

from __future__ import annotations

import asyncio
from typing import Protocol

from notifyd.errors import NoAnswer, NotSent, TurnedAway
from notifyd.wire.http2_fields import Fields, headers_of
from notifyd.wire.transport import Answer, Response

# What is answered first waits so long for others of its batch: one word of many costs hardly more than one of one.
_GATHER_S = 0.01


class Carrier(Protocol):
    def cancel(self, stream_id: int) -> None:
        """Ends the stream: nobody waits for its answer any more."""
        ...


class Batch:
    """Whoever waits is woken when every request is settled, and now and then before that where some are not: a
    future for each would cost as much as the request itself.
    """

    __slots__ = (
        "_fresh",
        "_gathering",
        "_left",
        "_loop",
        "_tells",
        "_woken",
        "answers",
        "begin_by_s",
        "begun",
        "exchanges",
        "origin",
        "timer",
    )

    timer: asyncio.TimerHandle

    def __init__(self, origin: str, count: int, *, begin_by_s: float, tells: bool = False) -> None:
        self.origin = origin
        self.begin_by_s = begin_by_s
        """In the loop's time: what has not begun by then will not."""
        self.exchanges: list[Exchange] = []
        self.begun = 0
        """How many exchanges have left the queue; they begin in order."""
        self.answers: list[Answer | None] = [None] * count
        self._loop = asyncio.get_running_loop()
        self._woken = self._loop.create_future()
        self._tells = tells
        self._fresh: list[int] = []
        self._gathering: asyncio.TimerHandle | None = None
        self._left = count
        if not count:
            self._wake()

    def settle(self, place: int, answer: Answer) -> None:
        self.answers[place] = answer
        self._left -= 1
        if not self._left:
            self.exchanges = []  # each points back here: a cycle would wait for the garbage collector
            self._wake()
        elif self._tells:
            self._fresh.append(place)
            if self._gathering is None:
                self._gathering = self._loop.call_later(_GATHER_S, self._wake)

    async def is_settled(self) -> bool:
        """Waits until all are, or some and nothing more has come for a moment."""
        await self._woken
        if self._left:
            self._woken = self._loop.create_future()
        return not self._left

    def take_fresh(self) -> list[int]:
        """The places settled since the last look."""
        self._gathering = None
        fresh, self._fresh = self._fresh, []
        return fresh

    def end(self) -> None:
        """Nobody waits for it any more."""
        self.timer.cancel()
        if self._gathering is not None:
            self._gathering.cancel()

    def _wake(self) -> None:
        if not self._woken.done():
            self._woken.set_result(None)


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
