"""The connections to one origin, and what waits for them. Each turn of the loop hands out and writes once."""

from __future__ import annotations

import asyncio
from itertools import count
from ssl import SSLContext

from notifyd.ports import Entropy
from notifyd.wire.http1_target import Target
from notifyd.wire.http2_connection import Connection
from notifyd.wire.http2_exchange import Batch
from notifyd.wire.http2_limits import Http2Limits
from notifyd.wire.http2_opening import Opening
from notifyd.wire.http2_queue import Queue

CLOSED = "this transport is closed"
# An aborted connection is gone with the loop's next round; more than that is a fault of the loop.
_ABORT_TIMEOUT_S = 1.0


class Pool:
    """Connections that take no further request end beside the `connections_max` that do, each within the time of
    what runs on it.
    """

    def __init__(
        self,
        target: Target,
        tls: SSLContext,
        *,
        entropy: Entropy,
        connections_max: int,
        waiting_max: int,
        limits: Http2Limits,
    ) -> None:
        self._connections_max = connections_max
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._queue = Queue(waiting_max=waiting_max)
        self._numbers = count(1)
        self._usable: list[Connection] = []
        self._ending: list[Connection] = []
        self._opening = Opening(target, tls, make=self._make, take=self._take, fail=self._fail, entropy=entropy)
        self._turn: asyncio.Handle | None = None
        self._pause: asyncio.TimerHandle | None = None
        self._closed = False

    def submit(self, batch: Batch) -> None:
        if not batch.exchanges:
            return
        self._queue.put(batch)
        if self._closed:
            self._queue.refuse(batch, CLOSED)
        elif not self._usable and self._opening.not_before_s > batch.begin_by_s:
            pause_s = self._opening.not_before_s - self._loop.time()
            self._queue.refuse(
                batch, f"the next try to connect is in {pause_s:.1f} s, after: {self._opening.failure}"
            )
        else:
            self.wake()

    def drop(self, batch: Batch, why: str) -> None:
        """What has not begun will not."""
        self._queue.refuse(batch, why)

    def end(self, batch: Batch, why: str) -> None:
        """Ends every stream of the batch, and nobody waits for its answer."""
        self._queue.refuse(batch, why)
        for exchange in batch.exchanges:
            if not exchange.settled and exchange.carrier is not None:
                exchange.carrier.cancel(exchange.stream_id)
                exchange.lose(why)

    def retire(self, number: int, why: str) -> None:
        for connection in self._usable:
            if connection.number == number:
                connection.retire(why)

    def wake(self) -> None:
        if self._turn is None:
            self._turn = self._loop.call_soon(self._take_turn)

    async def close(self) -> None:
        """Streams that run may end in time."""
        self._closed = True
        self._queue.refuse_all(CLOSED)
        await self._opening.close()
        for connection in self._usable:
            connection.retire(CLOSED)
        await self._wait_for_ends(self._limits.close_timeout_s)
        for connection in self._ending:
            connection.abort(CLOSED)
        await self._wait_for_ends(_ABORT_TIMEOUT_S)
        for handle in (self._turn, self._pause):
            if handle is not None:
                handle.cancel()

    async def _wait_for_ends(self, timeout_s: float) -> None:
        lost = [connection.lost for connection in (*self._usable, *self._ending)]
        if lost:
            await asyncio.wait(lost, timeout=timeout_s)

    def _take_turn(self) -> None:
        self._turn = None
        self._sort_out()
        for connection in self._usable:
            connection.begin(self._queue)
        for connection in (*self._usable, *self._ending):
            connection.flush()
        if self._queue:
            self._make_room()

    def _sort_out(self) -> None:
        usable = [connection for connection in self._usable if connection.usable]
        for connection in self._usable:
            if not connection.usable:
                self._ending.append(connection)
                if connection.answered:
                    self._opening.note_success()
                else:
                    # It was opened in vain: a server that sends everybody away must not be called in a loop.
                    self._opening.note_failure("the last connection answered nothing")
        self._usable = usable
        self._ending = [connection for connection in self._ending if not connection.lost.done()]

    def _make_room(self) -> None:
        if self._closed or self._opening.under_way or len(self._usable) >= self._connections_max:
            return
        if any(connection.promising for connection in self._usable):
            return
        if self._opening.not_before_s <= self._loop.time():
            self._opening.start()
        elif self._pause is None:
            self._pause = self._loop.call_at(self._opening.not_before_s, self._end_pause)

    def _end_pause(self) -> None:
        self._pause = None
        self.wake()

    def _make(self) -> Connection:
        return Connection(next(self._numbers), self._limits, self.wake)

    def _take(self, connection: Connection) -> None:
        self._usable.append(connection)
        self.wake()

    def _fail(self) -> None:
        if not self._usable:
            self._queue.refuse_all(self._opening.failure)
