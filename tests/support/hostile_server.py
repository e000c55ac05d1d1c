"""An HTTP/1.1 server on loopback that does what a test tells it to, and counts what reached it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing


class Exchange:
    """One request on one connection, and the means to answer it."""

    def __init__(self, writer: asyncio.StreamWriter, head: str, body: bytes, *, number: int) -> None:
        self.head = head
        self.body = body
        self.number = number
        self._writer = writer

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    def close(self) -> None:
        self._writer.close()

    def reset(self) -> None:
        """RST instead of FIN."""
        raw: socket.socket = self._writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    @property
    def closed(self) -> bool:
        return self._writer.is_closing()

    @property
    def tls_version(self) -> str | None:
        tls: ssl.SSLObject | None = self._writer.get_extra_info("ssl_object")
        return tls.version() if tls else None

    @property
    def alpn(self) -> str | None:
        tls: ssl.SSLObject | None = self._writer.get_extra_info("ssl_object")
        return tls.selected_alpn_protocol() if tls else None


Behaviour = Callable[[Exchange], Awaitable[None]]


class HostileServer:
    def __init__(self, behave: Behaviour) -> None:
        self.requests: list[Exchange] = []
        self.connections = 0
        self.connected = asyncio.Event()
        self.url = ""
        self._behave = behave
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def serving(self) -> int:
        """Connections that neither side has closed."""
        return len(self._tasks)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.connected.set()
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with closing(writer):
                while not writer.is_closing():
                    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                    body = await reader.readexactly(_content_length(head))
                    exchange = Exchange(writer, head, body, number=len(self.requests) + 1)
                    self.requests.append(exchange)
                    await self._behave(exchange)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            return
        finally:
            self._tasks.discard(task)

    async def end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks)


def _content_length(head: str) -> int:
    for line in head.split("\r\n"):
        name, _, value = line.partition(":")
        if name.lower() == "content-length":
            return int(value)
    return 0


@asynccontextmanager
async def hostile_server(behave: Behaviour, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[HostileServer]:
    server = HostileServer(behave)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
    port = listener.sockets[0].getsockname()[1]
    server.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    try:
        yield server
    finally:
        listener.close()
        await server.end()
        await listener.wait_closed()


def answer(status: int = 200, body: bytes = b"ok", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def answering(data: bytes) -> Behaviour:
    async def behave(exchange: Exchange) -> None:
        await exchange.write(data)

    return behave


async def never_answering(_: Exchange) -> None:
    await asyncio.Event().wait()


async def dripping(exchange: Exchange) -> None:
    """A byte now and then: each one comes in time, the whole never does."""
    await exchange.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while not exchange.closed:
        await exchange.write(b".")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), timeout=0.01)
