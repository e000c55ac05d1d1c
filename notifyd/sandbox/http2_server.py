"""A desk on loopback over HTTP/2 and TLS, on libnghttp2: several connections, GOAWAY, a settable stream limit."""

from __future__ import annotations

import asyncio
from asyncio import AbstractServer, get_running_loop
from ssl import SSLContext
from typing import Self

from ngh2 import Setting

from notifyd.sandbox.clients import Clock
from notifyd.sandbox.desk import Desk
from notifyd.sandbox.http2_connection import Http2Connection, Shared

_HOST = "127.0.0.1"
# What APNs says at first to a new connection is less; tests set their own.
_STREAMS_MAX = 1000


class Http2Server:
    """`tls`: with h2 in its ALPN. `opened`: how many connections there were so far."""

    def __init__(
        self,
        desk: Desk,
        *,
        clock: Clock,
        tls: SSLContext,
        port: int = 0,
        streams_max: int = _STREAMS_MAX,
    ) -> None:
        self.desk = desk
        self.url = ""
        self.opened = 0
        self._shared = Shared(desk, clock, streams_max, connections=set(), tasks=set())
        self._tls = tls
        self._port = port
        self._server: AbstractServer | None = None

    def limit_streams(self, streams_max: int) -> None:
        """MAX_CONCURRENT_STREAMS of the connections that are open, and of those to come."""
        self._shared.streams_max = streams_max
        for connection in self._shared.connections:
            connection.update_settings({Setting.MAX_CONCURRENT_STREAMS: streams_max})

    def go_away(self, *, error_code: int = 0, reason: str = "") -> None:
        """To all connections that are open: what has arrived is answered, then they are closed."""
        for connection in set(self._shared.connections):
            connection.go_away(error_code=error_code, reason=reason)

    async def __aenter__(self) -> Self:
        server = await get_running_loop().create_server(self._accept, _HOST, self._port, ssl=self._tls)
        self._server = server
        self.url = f"https://{_HOST}:{server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        for connection in set(self._shared.connections):
            connection.abort()
        waiting = list(self._shared.tasks)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()
        self.desk.inbox.close()

    def _accept(self) -> Http2Connection:
        self.opened += 1
        return Http2Connection(self.opened, self._shared)
