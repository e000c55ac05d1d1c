"""One server's misdeeds in both protocols, so that every Transport is held to the same answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Literal, TypeAlias

import msgspec

from notifyd.wire.http2_limits import Http2Limits
from notifyd.wire.proxies import Proxies
from notifyd.wire.tls import client_context
from notifyd.wire.transport import Request, Response, Transport
from notifyd.wire.transport_aiohttp import AiohttpTransport
from notifyd.wire.transport_http1 import Http1Transport
from notifyd.wire.transport_http2 import Http2Transport
from tests.fakes.system import FakeEntropy
from tests.support import hostile_server as http1
from tests.support import http2_server as http2
from tests.support.loopback_tls import CERTIFICATE, server_context

ANSWER_BYTES_MAX = 1000
Kind: TypeAlias = Literal["aiohttp", "http1", "http2"]


class World(msgspec.Struct):
    transport: Transport
    origin: str
    seen: Callable[[], int]
    """How many requests have reached the server."""

    async def post(self, *, timeout_s: float = 10.0, path: str = "/path") -> Response:
        request = Request("POST", f"{self.origin}{path}", {"content-type": "text/plain"}, b"body")
        return await self.transport.send(request, timeout_s=timeout_s)


async def _close1(exchange: http1.Exchange) -> None:
    exchange.close()


async def _reset1(exchange: http1.Exchange) -> None:
    exchange.reset()


async def _cut1(exchange: http1.Exchange) -> None:
    await exchange.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")
    exchange.close()


async def _answer_the_second1(exchange: http1.Exchange) -> None:
    if exchange.number == 3:
        await exchange.write(http1.answer(body=b"2"))


def _cut2(asked: http2.Asked) -> None:
    asked.answer(200, b"only this", end=False)
    asked.peer.transport.close()


def _drip2(asked: http2.Asked) -> None:
    asked.head(200)

    def drip() -> None:
        asked.data(b".", end=False)
        if not asked.peer.closed:
            asyncio.get_running_loop().call_later(0.01, drip)

    drip()


def _answer_the_second2(asked: http2.Asked) -> None:
    if asked.number == 3:
        asked.peer.server.requests[1].answer(200, b"late")
        asked.answer(200, b"2")


_TOO_MUCH = b"x" * (ANSWER_BYTES_MAX + 1)
BEHAVIOURS: Mapping[str, tuple[http1.Behaviour, http2.Behaviour]] = {
    "answers": (
        http1.answering(http1.answer(418, b"I am", X_Name="1")),
        lambda asked: asked.answer(418, b"I am", x_name="1"),
    ),
    "redirects": (
        http1.answering(http1.answer(307, Location="/elsewhere")),
        lambda asked: asked.answer(307, location="/elsewhere"),
    ),
    "never answers": (http1.never_answering, http2.silent),
    "sends a byte now and then": (http1.dripping, _drip2),
    "closes": (_close1, lambda asked: asked.peer.transport.close()),
    "resets": (_reset1, lambda asked: asked.peer.transport.abort()),
    "cuts the body": (_cut1, _cut2),
    "answers too much": (
        http1.answering(http1.answer(body=_TOO_MUCH)),
        lambda asked: asked.answer(200, _TOO_MUCH),
    ),
    "speaks something else": (
        http1.answering(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
        lambda asked: asked.peer.transport.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
    ),
    "answers the second, and the first late": (_answer_the_second1, _answer_the_second2),
}


def transport_of(kind: Kind, origin: str) -> Transport:
    tls = client_context(CERTIFICATE)
    match kind:
        case "aiohttp":
            return AiohttpTransport(tls, connections_max=1, answer_bytes_max=ANSWER_BYTES_MAX, proxies=Proxies({}))
        case "http1":
            return Http1Transport(tls, connections_max=1, answer_bytes_max=ANSWER_BYTES_MAX)
        case "http2":
            limits = Http2Limits(answer_bytes_max=ANSWER_BYTES_MAX, close_timeout_s=0.0)
            return Http2Transport(origin, tls, entropy=FakeEntropy(), connections_max=1, limits=limits)


@asynccontextmanager
async def world(kind: Kind, behaviour: str) -> AsyncIterator[World]:
    """A server that behaves so from its second request on, and a transport that has connected to it: no test's
    short time is spent on that.
    """
    first, second = BEHAVIOURS[behaviour]

    async def behave1(exchange: http1.Exchange) -> None:
        await (exchange.write(http1.answer()) if exchange.number == 1 else first(exchange))

    def behave2(asked: http2.Asked) -> None:
        asked.answer() if asked.number == 1 else second(asked)

    if kind == "http2":
        async with http2.http2_server(behave2) as server2, closed_after(kind, server2.origin) as transport:
            here = World(transport, server2.origin, lambda: len(server2.requests) - 1)
            await here.post()
            yield here
    else:
        async with (
            http1.hostile_server(behave1, tls=server_context()) as server1,
            closed_after(kind, server1.url) as transport,
        ):
            here = World(transport, server1.url, lambda: len(server1.requests) - 1)
            await here.post()
            yield here


@asynccontextmanager
async def closed_after(kind: Kind, origin: str) -> AsyncIterator[Transport]:
    transport = transport_of(kind, origin)
    try:
        yield transport
    finally:
        await transport.close()
