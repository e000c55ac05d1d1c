"""Kept connections, the latest used first, and a bound on how many there are."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from functools import partial
from ssl import SSLContext

from notifyd.wire.http1_connection import Connection
from notifyd.wire.http1_target import Target
from notifyd.wire.public_only import AddressesOf

# An aborted connection is gone with the loop's next round; more than that is a fault of the loop.
_CLOSE_TIMEOUT_S = 1.0


class PoolClosed(Exception):
    """There will be no connection any more."""


class Pool:
    """Who takes a connection holds one of `connections_max` places until it gives the connection back.

    Kept connections hold none, but never are more open than there are places.
    """

    def __init__(
        self,
        tls: SSLContext,
        *,
        connections_max: int,
        answer_bytes_max: int,
        keep_alive_s: float,
        addresses_of: AddressesOf,
        drops_large: bool,
    ) -> None:
        self._tls = tls
        self._addresses_of = addresses_of
        self._connections_max = connections_max
        self._make = partial(Connection, answer_bytes_max=answer_bytes_max, drops_large=drops_large)
        self._keep_alive_s = keep_alive_s
        self._loop = asyncio.get_running_loop()
        self._free = connections_max
        # First come, first served; each waits under its own deadline.
        self._waiting: deque[asyncio.Future[None]] = deque()
        # By origin, each a stack: the longest idle lies at the bottom.
        self._idle: dict[str, list[Connection]] = {}
        self._open: set[Connection] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False

    def take_kept(self, target: Target) -> Connection | None:
        """Without waiting: a place and a connection that is known to be good, where there are both."""
        if not self._free:
            return None
        connection = self._kept(target)
        if connection is not None:
            self._free -= 1
        return connection

    async def take(self, target: Target) -> Connection:
        """Waits for a place, and connects where no connection is kept.

        Raises PoolClosed, NotPublic, or what connecting raises: OSError, ValueError for a name that can be none.
        """
        await self._place()
        try:
            return self._kept(target) or await self._connect(target)
        except BaseException:
            self._pass_on()
            raise

    def give_back(self, target: Target, connection: Connection) -> None:
        if connection.reusable and not self._closed:
            connection.idle_since_s = self._loop.time()
            self._idle.setdefault(target.origin, []).append(connection)
            if self._sweeper is None:
                self._sweeper = self._loop.call_later(self._keep_alive_s, self._sweep)
        self._pass_on()

    async def close(self) -> None:
        """Whoever waits for an answer hears of it, and so, place by place, whoever waits for a connection."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        self._idle.clear()
        for connection in self._open:
            connection.abort()
        if self._open:
            await asyncio.wait([connection.lost for connection in self._open], timeout=_CLOSE_TIMEOUT_S)

    async def _place(self) -> None:
        if self._free:
            self._free -= 1
            return
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.cancelled():
                with suppress(ValueError):  # _pass_on has met it first
                    self._waiting.remove(waiter)
            else:
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._free += 1

    def _kept(self, target: Target) -> Connection | None:
        kept = self._idle.get(target.origin)
        youngest_s = self._loop.time() - self._keep_alive_s
        while kept:
            connection = kept.pop()
            if connection.idle_since_s > youngest_s and connection.is_quiet():
                return connection
            connection.abort()
        return None

    async def _connect(self, target: Target) -> Connection:
        if self._closed:
            raise PoolClosed
        self._make_room()
        connection = await self._dial(target)
        self._open.add(connection)
        connection.lost.add_done_callback(lambda _: self._open.discard(connection))
        if self._closed:
            connection.abort()
            raise PoolClosed
        if not connection.reusable:
            raise ConnectionError("the other side closes or talks before it is asked")
        return connection

    async def _dial(self, target: Target) -> Connection:
        """To the first of its addresses that takes a connection."""
        failure: OSError = ConnectionError("the name has no address")
        for address in await self._addresses_of(target.host, target.port):
            try:
                _, connection = await self._loop.create_connection(
                    self._make,
                    address,
                    target.port,
                    ssl=self._tls if target.tls else None,
                    server_hostname=target.host if target.tls else None,
                )
            except OSError as error:
                failure = error
            else:
                return connection
        raise failure

    def _make_room(self) -> None:
        """Kept connections of other origins make way, the longest idle first."""
        taken = self._connections_max - self._free
        while taken + sum(map(len, self._idle.values())) > self._connections_max:
            stacks = [kept for kept in self._idle.values() if kept]
            min(stacks, key=lambda kept: kept[0].idle_since_s).pop(0).abort()

    def _sweep(self) -> None:
        """A connection that nobody takes must not wait for the other side to close it."""
        self._sweeper = None
        oldest_s = self._loop.time() - self._keep_alive_s
        for origin, kept in list(self._idle.items()):
            while kept and (kept[0].idle_since_s <= oldest_s or not kept[0].reusable):
                kept.pop(0).abort()
            if not kept:
                del self._idle[origin]
        if self._idle:
            next_s = min(kept[0].idle_since_s for kept in self._idle.values()) + self._keep_alive_s
            self._sweeper = self._loop.call_at(next_s, self._sweep)
