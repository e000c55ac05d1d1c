"""A small HTTP/2 client that hides nothing: what each stream got, and how the connection ended."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec
import ngh2
from ngh2 import Connection, Role


class StreamEnd(msgspec.Struct):
    """`status` None: no answer, the stream was reset with `error_code` or fell with the connection (None)."""

    status: int | None = None
    headers: dict[str, str] = {}
    body: bytes = b""
    error_code: int | None = None

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class PlainHttp2(asyncio.Protocol):
    """`go_away`: the server's GOAWAY as (last_stream_id, error_code, debug_data). `lost`: the connection ended."""

    def __init__(self) -> None:
        self.go_away: tuple[int, int, bytes] | None = None
        self.lost = asyncio.Event()
        self.settings: dict[int, int] = {}
        self._settled = asyncio.Event()
        self._http2 = Connection(Role.CLIENT)
        self._ends: dict[int, StreamEnd] = {}
        self._waiting: dict[int, asyncio.Future[StreamEnd]] = {}
        self._transport: asyncio.Transport | None = None
        self._authority = ""

    def begin(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> asyncio.Future[StreamEnd]:
        """Sends a request; its end is to be awaited."""
        named = {":method": method, ":scheme": "https", ":authority": self._authority, ":path": path} | dict(
            headers
        )
        encoded = [(name.encode(), value.encode()) for name, value in named.items()]
        stream_id = self._http2.send_request(encoded, end_stream=not body)
        if body:
            self._http2.send_data(stream_id, body, end_stream=True)
        self._ends[stream_id] = StreamEnd()
        self._waiting[stream_id] = asyncio.get_running_loop().create_future()
        self._flush()
        return self._waiting[stream_id]

    async def ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> StreamEnd:
        return await self.begin(method, path, headers, body)

    async def settled(self) -> dict[int, int]:
        """The server's next settings."""
        await self._settled.wait()
        self._settled.clear()
        return self.settings

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Of a kind that can be written to, though uvloop's is no subclass.
        self._transport = cast("asyncio.Transport", transport)
        self._http2.initiate_connection()
        self._flush()

    def data_received(self, data: bytes) -> None:
        try:
            self._http2.receive_data(data)
        except ngh2.NGH2Error:
            self._abort()
            return
        for event in self._http2.events():
            self._note(event)
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self.lost.set()
        for stream_id in list(self._waiting):
            self._finish(stream_id)

    def _note(self, event: ngh2.Event) -> None:
        match event:
            case ngh2.ResponseReceived(stream_id, headers, _):
                named = {name.decode(): value.decode() for name, value in headers}
                self._ends[stream_id].status = int(named.pop(":status"))
                self._ends[stream_id].headers = named
            case ngh2.DataReceived(stream_id, data, _):
                self._ends[stream_id].body += data
            case ngh2.StreamReset(stream_id=stream_id, error_code=error_code):
                self._ends[stream_id].error_code = error_code
            case ngh2.StreamClosed(stream_id=stream_id):
                self._finish(stream_id)
            case ngh2.GoAwayReceived(last_stream_id, error_code, debug_data):
                self.go_away = (last_stream_id, error_code, debug_data)
            case ngh2.SettingsReceived(settings=settings):
                self.settings |= settings
                self._settled.set()

    def _finish(self, stream_id: int) -> None:
        waiting = self._waiting.pop(stream_id, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(self._ends.pop(stream_id))

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _flush(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(self._http2.data_to_send())

    @classmethod
    @asynccontextmanager
    async def connect(cls, url: str, ca_file: Path) -> AsyncIterator[PlainHttp2]:
        tls = ssl.create_default_context(cafile=ca_file)
        tls.set_alpn_protocols(["h2"])
        parts = urlsplit(url)
        client = cls()
        client._authority = parts.netloc
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(
            lambda: client, parts.hostname or "", parts.port or 443, ssl=tls
        )
        try:
            yield client
        finally:
            transport.abort()
            await client.lost.wait()
