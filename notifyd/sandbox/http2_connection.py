"""One HTTP/2 connection of a stand-in: streams in, replies out, and what faults do to it."""

from __future__ import annotations

import asyncio
from asyncio import BaseTransport, Task, Transport, get_running_loop
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from typing import cast

import msgspec
import ngh2
from ngh2 import Configuration, Connection, Role, Setting

from notifyd.sandbox.clients import Clock
from notifyd.sandbox.desk import Desk, Reply
from notifyd.sandbox.exchange import Answer, Request
from notifyd.sandbox.faults import Cut, Drip, Garbage, GoAway, ResetStream, Silence
from notifyd.sandbox.http1_server import reset

# More than any push may have, so that the vendor's own limit is what refuses.
_BODY_BYTES_MAX = 1024 * 1024
_REFUSED_STREAM = 0x7
_ENHANCE_YOUR_CALM = 0xB
# Clients that test cancellation end streams faster than an attacker would.
_CONFIGURATION = Configuration(stream_reset_rate_limit=(1_000_000, 1_000_000))


class _Stream(msgspec.Struct):
    headers: Mapping[str, str]
    body: bytearray


class Shared(msgspec.Struct):
    """By all connections of a server. `tasks`: of streams that wait for their answer; they outlive a connection,
    for what was taken is taken.
    """

    desk: Desk
    clock: Clock
    streams_max: int
    connections: set[Http2Connection]
    tasks: set[Task[None]]

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        task = get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


class Http2Connection(asyncio.Protocol):
    """`number`: which of the server's it is."""

    def __init__(self, number: int, shared: Shared) -> None:
        self._number = number
        self._shared = shared
        self._desk = shared.desk
        self._http2 = Connection(Role.SERVER, _CONFIGURATION)
        self._streams: dict[int, _Stream] = {}
        self._unanswered: set[int] = set()
        self._highest_id = 0
        # Of the streams that may have been taken: no GOAWAY can say less.
        self._begun_id = 0
        self._last_id: int | None = None
        self._drip: asyncio.Queue[bytes] | None = None
        self._transport: Transport | None = None

    # --- told by the server ------------------------------------------------------------------------------

    def update_settings(self, settings: Mapping[Setting, int]) -> None:
        self._http2.update_settings(settings)
        self._flush()

    def go_away(self, *, error_code: int = 0, reason: str = "", last_id: int | None = None) -> None:
        """Streams above `last_id` (by default: none that has arrived) are not processed; then it is closed."""
        if self._last_id is not None:
            return
        self._last_id = self._highest_id if last_id is None else last_id
        debug = msgspec.json.encode({"reason": reason}) if reason else b""
        self._http2.send_goaway(error_code, last_stream_id=self._last_id, debug_data=debug)
        self._unanswered = {stream_id for stream_id in self._unanswered if stream_id <= self._last_id}
        self._flush()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # --- told by the transport ---------------------------------------------------------------------------

    def connection_made(self, transport: BaseTransport) -> None:
        # Of a kind that can be written to, though uvloop's is no subclass.
        self._transport = cast("Transport", transport)
        tls = transport.get_extra_info("ssl_object")
        if tls is None or tls.selected_alpn_protocol() != "h2":
            self._transport.close()
            return
        self._shared.connections.add(self)
        self._http2.initiate_connection({Setting.MAX_CONCURRENT_STREAMS: self._shared.streams_max})
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._shared.connections.discard(self)
        self._transport = None
        if self._drip is not None:
            self._drip.put_nowait(b"")

    def data_received(self, data: bytes) -> None:
        try:
            self._http2.receive_data(data)
            arrived = self._read(self._http2.events())
        except ngh2.NGH2Error:
            self.abort()
            return
        if self._desk.is_prompt:
            self._answer_now(arrived)
        elif arrived:
            self._begun_id = max(self._begun_id, *(stream_id for stream_id, _ in arrived))
            self._shared.spawn(self._answer_later(arrived))
        self._flush()

    # --- streams in ----------------------------------------------------------------------------------------

    def _read(self, events: list[ngh2.Event]) -> list[tuple[int, Request]]:
        """The requests that have arrived whole."""
        whole: list[tuple[int, Request]] = []
        for event in events:
            match event:
                case ngh2.RequestReceived(stream_id, headers, end_stream):
                    self._highest_id = max(self._highest_id, stream_id)
                    self._unanswered.add(stream_id)
                    named = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
                    self._streams[stream_id] = _Stream(named, bytearray())
                case ngh2.DataReceived(stream_id, data, end_stream):
                    if stream_id not in self._streams:
                        continue
                    self._streams[stream_id].body += data
                    if len(self._streams[stream_id].body) > _BODY_BYTES_MAX:
                        self._http2.reset_stream(stream_id, _ENHANCE_YOUR_CALM)
                        self._drop(stream_id)
                        continue
                case ngh2.StreamClosed(stream_id=stream_id):
                    self._drop(stream_id)
                    continue
                case _:
                    continue
            if end_stream and not self._is_disowned(stream_id):
                whole.append((stream_id, self._request(self._streams.pop(stream_id))))
        return whole

    def _drop(self, stream_id: int) -> None:
        self._streams.pop(stream_id, None)
        self._unanswered.discard(stream_id)

    def _request(self, stream: _Stream) -> Request:
        headers = stream.headers
        path, _, query = headers.get(":path", "").partition("?")
        origin = f"{headers.get(':scheme')}://{headers.get(':authority')}"
        return Request(headers.get(":method", ""), path, query, headers, bytes(stream.body), origin, self._number)

    # --- replies out ---------------------------------------------------------------------------------------

    def _answer_now(self, arrived: list[tuple[int, Request]]) -> None:
        for stream_id, request in arrived:
            if self._is_disowned(stream_id):
                continue
            reply, messages = self._desk.judge(request)
            self._desk.inbox.keep(messages)
            self._reply(stream_id, reply)
            self._begun_id = max(self._begun_id, stream_id)

    async def _answer_later(self, arrived: list[tuple[int, Request]]) -> None:
        replies = await self._desk.handle(*(request for _, request in arrived))
        for (stream_id, _), reply in zip(arrived, replies, strict=True):
            self._reply(stream_id, reply)
        self._flush()

    def _is_disowned(self, stream_id: int) -> bool:
        """By a GOAWAY that said it is not processed."""
        return self._last_id is not None and stream_id > self._last_id

    def _reply(self, stream_id: int, reply: Reply) -> None:
        if reply.fault is None:
            self._answer(stream_id, reply.answer)
        elif self._transport is not None:
            self._misbehave(stream_id, reply, self._transport)

    def _misbehave(self, stream_id: int, reply: Reply, transport: Transport) -> None:
        match reply.fault:
            case Silence():
                pass
            case Cut():
                reset(transport)
            case Garbage():
                transport.write(b"HTTP/1.1 200 It works!\r\n\r\n")
                transport.close()
            case ResetStream(error_code=error_code):
                self._refuse(stream_id, error_code)
            case GoAway() as fault:
                self._go_away_at(stream_id, reply.answer, fault)
            case Drip(bytes_per_s=bytes_per_s):
                self._slow_down(1 / bytes_per_s)
                self._answer(stream_id, reply.answer)

    def _go_away_at(self, stream_id: int, answer: Answer, fault: GoAway) -> None:
        # Stream ids of clients are odd.
        last_id = stream_id if fault.taken else max(0, stream_id - 2)
        if fault.taken:
            self._answer(stream_id, answer)
        self.go_away(error_code=fault.error_code, reason=fault.reason, last_id=max(last_id, self._begun_id))
        if not fault.taken and stream_id in self._unanswered:
            # A stream above it was begun before: this one has to be refused by itself.
            self._refuse(stream_id, _REFUSED_STREAM)

    def _refuse(self, stream_id: int, error_code: int) -> None:
        self._unanswered.discard(stream_id)
        with suppress(ngh2.NGH2Error):
            self._http2.reset_stream(stream_id, error_code)

    def _answer(self, stream_id: int, answer: Answer) -> None:
        self._unanswered.discard(stream_id)
        headers = [(b":status", b"%d" % answer.status)]
        headers += [(name.encode(), value.encode()) for name, value in answer.headers.items()]
        # The client may have ended the stream, or the connection, meanwhile.
        with suppress(ngh2.NGH2Error):
            self._http2.send_response(stream_id, headers, end_stream=not answer.body)
            if answer.body:
                self._http2.send_data(stream_id, answer.body, end_stream=True)

    def _flush(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        data = self._http2.data_to_send()
        if self._drip is not None:
            self._drip.put_nowait(data)
        elif data:
            self._transport.write(data)
        if self._last_id is not None and not self._unanswered and self._drip is None:
            self._transport.close()

    def _slow_down(self, interval_s: float) -> None:
        if self._drip is None:
            self._drip = asyncio.Queue()
            self._shared.spawn(self._drip_out(self._drip, interval_s))

    async def _drip_out(self, queue: asyncio.Queue[bytes], interval_s: float) -> None:
        while self._transport is not None:
            for byte in await queue.get():
                if self._transport is None:
                    return
                self._transport.write(bytes((byte,)))
                await self._shared.clock.sleep(interval_s)
