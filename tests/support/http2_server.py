"""An HTTP/2 server that sends what a test tells it to, frame by frame, and counts what reached it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import cast

from hpack import Decoder, Encoder

from tests.support import http2_frames as h2
from tests.support.http2_frames import Frame
from tests.support.loopback_tls import server_context
from tests.support.memory_loop import MemoryLoop


class Asked:
    """One request, and the means to answer it."""

    def __init__(self, peer: Http2Peer, stream_id: int, headers: dict[str, str]) -> None:
        self.peer = peer
        self.stream_id = stream_id
        self.headers = headers
        self.body = b""
        self.number = 0
        """Of all requests that came whole, from 1."""

    def answer(self, status: int = 200, body: bytes = b"", *, end: bool = True, **headers: str) -> None:
        self.head(status, end=end and not body, **headers)
        if body:
            self.data(body, end=end)

    def head(self, status: int, *, end: bool = False, **headers: str) -> None:
        self.fields({":status": str(status), **headers}, end=end)

    def fields(self, fields: Mapping[str, str], *, end: bool) -> None:
        block = self.peer.encode([(name.replace("_", "-"), value) for name, value in fields.items()])
        flags = h2.END_HEADERS | (h2.END_STREAM if end else 0)
        self.peer.write(h2.frame(h2.HEADERS, self.stream_id, block, flags=flags))

    def data(self, data: bytes, *, end: bool = True) -> None:
        """Within the client's window, or against it: nobody looks."""
        parts = [data[at : at + 16_384] for at in range(0, len(data), 16_384)] or [b""]
        for part in parts:
            flags = h2.END_STREAM if end and part is parts[-1] else 0
            self.peer.write(h2.frame(h2.DATA, self.stream_id, part, flags=flags))

    def reset(self, code: int) -> None:
        self.peer.write(h2.reset(self.stream_id, code))


Behaviour = Callable[[Asked], None]
Greeting = Callable[["Http2Peer"], None]


def greeting(settings: Mapping[int, int] | None = None) -> Greeting:
    values = {h2.MAX_CONCURRENT_STREAMS: 100} if settings is None else settings
    return lambda peer: peer.write(h2.settings(values))


class Http2Peer(asyncio.Protocol):
    """One connection, seen from the server."""

    transport: asyncio.Transport

    def __init__(self, server: Http2Server) -> None:
        self.server = server
        self.open: dict[int, Asked] = {}
        """Streams that the client has opened and nobody has ended, by id."""
        self.closed = False
        self.deaf = False
        """Takes bytes, and neither reads nor answers them."""
        self.left_at = 0
        """The last stream that counts once it has said GOAWAY; a test's own note."""
        self._received = bytearray()
        self._preface = h2.PREFACE
        self._decoder, self._encoder = Decoder(), Encoder()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.server.peers.append(self)
        self.server.greet(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self.closed = True
        self.open.clear()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._preface:
            if len(self._received) < len(self._preface):
                return
            assert self._received.startswith(self._preface)
            del self._received[: len(self._preface)]
            self._preface = b""
        for frame in h2.frames_in(self._received):
            self.server.frames.append(frame)
            if not self.deaf:
                self._take(frame)

    def write(self, data: bytes) -> None:
        if not self.closed:
            for frame in h2.frames_in(bytearray(data)):
                if frame.kind == h2.RST_STREAM or (frame.kind < 2 and frame.flags & h2.END_STREAM):
                    self.open.pop(frame.stream_id, None)
            self.transport.write(data)

    def encode(self, fields: list[tuple[str, str]]) -> bytes:
        return self._encoder.encode(fields)

    def _take(self, frame: Frame) -> None:
        match frame.kind:
            case h2.HEADERS:
                self._begin(frame)
            case h2.DATA:
                self._go_on(frame)
            case h2.RST_STREAM:
                self.server.resets.append((frame.stream_id, frame.number))
                self.open.pop(frame.stream_id, None)
            case h2.PING if not frame.flags & h2.ACK:
                self.write(h2.frame(h2.PING, payload=frame.payload, flags=h2.ACK))
            case h2.SETTINGS if not frame.flags & h2.ACK:
                self.write(h2.frame(h2.SETTINGS, flags=h2.ACK))
            case h2.GOAWAY:
                self.server.farewells += 1

    def _begin(self, frame: Frame) -> None:
        assert frame.flags & h2.END_HEADERS, "no test sends as many headers"
        asked = Asked(self, frame.stream_id, {str(k): str(v) for k, v in self._decoder.decode(frame.payload)})
        self.open[frame.stream_id] = asked
        self.server.begun += 1
        self.server.open_max = max(self.server.open_max, len(self.open))
        if frame.flags & h2.END_STREAM:
            self.server.take(asked)

    def _go_on(self, frame: Frame) -> None:
        asked = self.open.get(frame.stream_id)
        if asked is not None:
            asked.body += frame.payload
        if frame.payload and self.server.gives_window:
            self.write(h2.window_update(0, len(frame.payload)))
            if asked is not None and not frame.flags & h2.END_STREAM:
                self.write(h2.window_update(frame.stream_id, len(frame.payload)))
        if asked is not None and frame.flags & h2.END_STREAM:
            self.server.take(asked)


class Http2Server:
    def __init__(self, behave: Behaviour, greet: Greeting) -> None:
        self.behave = behave
        self.greet = greet
        self.origin = ""
        self.gives_window = True
        self.peers: list[Http2Peer] = []
        self.requests: list[Asked] = []
        self.begun = 0
        """Streams opened, whether or not their requests came whole."""
        self.open_max = 0
        """Of one connection."""
        self.farewells = 0
        """GOAWAYs of the client."""
        self.resets: list[tuple[int, int]] = []
        self.frames: list[Frame] = []
        self.asked: asyncio.Queue[Asked] = asyncio.Queue()

    @property
    def bodies(self) -> list[bytes]:
        return [asked.body for asked in self.requests]

    def take(self, asked: Asked) -> None:
        self.requests.append(asked)
        asked.number = len(self.requests)
        self.asked.put_nowait(asked)
        self.behave(asked)


@asynccontextmanager
async def http2_server(
    behave: Behaviour, *, greet: Greeting | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Http2Server]:
    """On a MemoryLoop without socket and TLS."""
    server = Http2Server(behave, greet or greeting())
    loop = asyncio.get_running_loop()
    if isinstance(loop, MemoryLoop):
        loop.serve = lambda: Http2Peer(server)
        server.origin = "https://push.example"
        yield server
        return
    tls = tls or server_context()
    tls.set_alpn_protocols(["h2"])
    listener = await loop.create_server(
        lambda: Http2Peer(server), "127.0.0.1", 0, ssl=tls, ssl_shutdown_timeout=0.1
    )
    server.origin = f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listener.close()
        for peer in server.peers:
            peer.transport.abort()
        await listener.wait_closed()


def echoing(asked: Asked) -> None:
    asked.answer(200, asked.body)


def silent(_: Asked) -> None:
    """Never answers."""
