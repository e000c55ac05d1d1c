"""A desk on loopback over HTTP/1.1, with or without TLS."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from asyncio import Transport
from ssl import SSLContext
from typing import Self

from aiohttp import web

from notifyd.sandbox.clients import Clock
from notifyd.sandbox.desk import Desk, Reply
from notifyd.sandbox.exchange import Answer, Request
from notifyd.sandbox.faults import Cut, Drip, Garbage, Silence

_HOST = "127.0.0.1"
_BODY_BYTES_MAX = 64 * 1024 * 1024
# A socket that lingers for 0 s ends with RST and not with FIN.
_NO_LINGER = struct.pack("ii", 1, 0)


class Http1Server:
    """`url`: known once it listens. `host`: the name that clients ask for, of the certificate."""

    def __init__(
        self,
        desk: Desk,
        *,
        clock: Clock,
        port: int = 0,
        tls: SSLContext | None = None,
        host: str = _HOST,
    ) -> None:
        self.desk = desk
        self.url = ""
        self._clock = clock
        self._port = port
        self._tls = tls
        self._host = host
        self._closing = asyncio.Event()
        app = web.Application(client_max_size=_BODY_BYTES_MAX)
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, _HOST, self._port, ssl_context=self._tls).start()
        port = self._runner.addresses[0][1]
        self.url = f"{'http' if self._tls is None else 'https'}://{self._host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing.set()
        await self._runner.cleanup()
        self.desk.inbox.close()

    async def _serve(self, http: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in http.headers.items()}
        origin = f"{http.scheme}://{http.host}"
        request = Request(
            http.method, http.path, http.rel_url.raw_query_string, headers, await http.read(), origin
        )
        (reply,) = await self.desk.handle(request)
        if reply.fault is not None and http.transport is not None:
            await self._misbehave(reply, http.transport)
        answer = reply.answer
        return web.Response(status=answer.status, headers=answer.headers, body=answer.body)

    async def _misbehave(self, reply: Reply, transport: Transport) -> None:
        match reply.fault:
            case Silence():
                await self._closing.wait()
            case Cut():
                reset(transport)
            case Garbage():
                transport.write(b"\x15\x03\x01 this is no HTTP\r\n\r\n")
                transport.close()
            case Drip(bytes_per_s=bytes_per_s):
                await self._drip(_raw(reply.answer), transport, 1 / bytes_per_s)
                transport.close()

    async def _drip(self, answer: bytes, transport: Transport, interval_s: float) -> None:
        for position in range(len(answer)):
            if transport.is_closing() or self._closing.is_set():
                return
            transport.write(answer[position : position + 1])
            await self._clock.sleep(interval_s)


def reset(transport: Transport) -> None:
    """Ends the connection with RST, as a crashed peer or a firewall does."""
    connection = transport.get_extra_info("socket")
    if connection is not None:
        # Of the descriptor's copy: the loop's own view of its socket may not let the option be set.
        with socket.socket(fileno=os.dup(connection.fileno())) as copy:
            copy.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()


def _raw(answer: Answer) -> bytes:
    headers = {"connection": "close", **answer.headers, "content-length": str(len(answer.body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {answer.status} Answer\r\n{lines}\r\n".encode() + answer.body
