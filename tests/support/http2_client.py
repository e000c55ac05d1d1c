"""An Http2Transport under test, and the shortest words for what is asked of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from notifyd.errors import NoAnswer, NotSent
from notifyd.wire.http2_limits import Http2Limits
from notifyd.wire.tls import client_context
from notifyd.wire.transport import Answer, Request, Response
from notifyd.wire.transport_http2 import Http2Transport
from tests.fakes.system import FakeEntropy
from tests.support.loopback_tls import CERTIFICATE

LONG_S = 10.0
SHORT_S = 0.3


class Client:
    def __init__(self, transport: Http2Transport, origin: str) -> None:
        self.transport = transport
        self.origin = origin

    async def post(self, body: bytes = b"", *, timeout_s: float = LONG_S) -> Response:
        return await self.transport.send(self.request(body), timeout_s=timeout_s)

    async def post_all(self, bodies: Sequence[bytes], *, timeout_s: float = LONG_S) -> list[Answer]:
        return await self.transport.send_all([self.request(body) for body in bodies], timeout_s=timeout_s)

    def start(self, *bodies: bytes, timeout_s: float = LONG_S) -> asyncio.Task[list[Answer]]:
        return asyncio.create_task(self.post_all(bodies, timeout_s=timeout_s))

    def request(self, body: bytes) -> Request:
        return Request("POST", f"{self.origin}/path", {"content-type": "text/plain"}, body)


@asynccontextmanager
async def http2(
    origin: str, *, connections_max: int = 1, waiting_max: int = 1000, limits: Http2Limits | None = None
) -> AsyncIterator[Client]:
    transport = Http2Transport(
        origin,
        client_context(CERTIFICATE),
        entropy=FakeEntropy(),
        connections_max=connections_max,
        waiting_max=waiting_max,
        limits=limits or Http2Limits(close_timeout_s=SHORT_S),
    )
    try:
        yield Client(transport, origin)
    finally:
        await transport.close()


def kinds(answers: Sequence[Answer]) -> list[str]:
    return [_kind(answer) for answer in answers]


def _kind(answer: Answer) -> str:
    match answer:
        case Response(status):
            return str(status)
        case NotSent():
            return "NotSent"
        case NoAnswer():
            return "NoAnswer"


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(LONG_S):
        while not holds():
            await asyncio.get_running_loop().run_in_executor(None, int)
