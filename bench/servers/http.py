"""An HTTP/1.1 server of exactly what AWS clients send: keep-alive and Content-Length, no more.

A general server spends 50–100 µs a request on what no SDK uses; at 10,000 events a second that CPU
would be taken from the sinks, and the sinks would be the thing measured.
"""

from __future__ import annotations

import asyncio
import time
import traceback
import zlib
from collections.abc import Callable
from email.utils import formatdate
from functools import lru_cache
from typing import Any, cast

import msgspec

_END_OF_HEAD = b"\r\n\r\n"
# More than any call but those of SES, whose first one makes room for the others.
_ROOM_BYTES = 64 * 1024


class Request(msgspec.Struct, gc=False):
    """`target`: the operation of X-Amz-Target, `<service>.<operation>`, where there is one."""

    method: str
    path: str
    target: str
    body: bytes


class Answer(msgspec.Struct, gc=False):
    """`delay_s`: how long the service takes. `crc32`: DynamoDB signs its answers with one."""

    body: bytes
    status: int = 200
    content_type: str = "application/x-amz-json-1.0"
    delay_s: float = 0.0
    crc32: bool = False


Handler = Callable[[Request], Answer]
Asked = dict[str, Any]


class Refused(Exception):
    """The call is answered with this AWS error code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Unanswered(Exception):
    """The connection ends instead of an answer, and nothing was done."""


def refusal(code: str, message: str, *, extra: bytes = b"") -> Answer:
    """An error in the form of AWS's JSON protocols; `extra` are further members, each with a leading comma."""
    text = msgspec.json.encode({"__type": code, "message": message})
    return Answer(text[:-1] + extra + b"}", status=400)


class _Head(msgspec.Struct, gc=False):
    """`body_from`, `whole_at`: where in what was received."""

    method: str
    path: str
    target: str
    body_from: int
    whole_at: int


class Connection(asyncio.BufferedProtocol):
    """One connection. Requests are answered as they become whole; clients do not pipeline.

    The kernel writes where the request is read: a bulk of mails has 120 KB, and every copy of it costs 10 µs.
    """

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._buffer = bytearray(_ROOM_BYTES)
        self._held = 0
        self._head: _Head | None = None
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but its bases

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._transport = None

    def get_buffer(self, sizehint: int) -> memoryview:
        del sizehint
        return memoryview(self._buffer)[self._held :]

    def buffer_updated(self, nbytes: int) -> None:
        self._held += nbytes
        while (head := self._next_head()) is not None:
            if self._held < head.whole_at:
                self._make_room(head.whole_at)
                return
            with memoryview(self._buffer) as held:
                body = bytes(held[head.body_from : head.whole_at])
            self._forget(head.whole_at)
            self._answer(Request(head.method, head.path, head.target, body))
        self._make_room(self._held + 1)

    def _next_head(self) -> _Head | None:
        if self._head is None:
            end = self._buffer.find(_END_OF_HEAD, 0, self._held)
            self._head = None if end < 0 else _head_of(bytes(self._buffer[:end]))
        return self._head

    def _forget(self, until: int) -> None:
        rest = self._buffer[until : self._held]
        self._buffer[: len(rest)] = rest
        self._held = len(rest)
        self._head = None

    def _make_room(self, size_bytes: int) -> None:
        if len(self._buffer) < size_bytes:
            larger = bytearray(2 * size_bytes)
            larger[: self._held] = self._buffer[: self._held]
            self._buffer = larger

    def _answer(self, request: Request) -> None:
        try:
            answer = self._handler(request)
        except Unanswered:
            self._abort()
            return
        except Exception:  # noqa: BLE001 (a fault of the stand-in is shown and told to the client, who must not hang)
            traceback.print_exc()
            answer = Answer(b'{"__type":"InternalFailure","message":"the bench server failed"}', status=500)
        if answer.delay_s:
            self._loop.call_later(answer.delay_s, self._write, answer)
        else:
            self._write(answer)

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _write(self, answer: Answer) -> None:
        if self._transport is not None:
            self._transport.writelines([_head(answer), answer.body])


def _head_of(text: bytes) -> _Head:
    """`text`: until the empty line."""
    method, path, _ = text[: text.find(b"\r\n")].decode("ascii").split(" ", 2)
    lower = text.lower()
    body_from = len(text) + len(_END_OF_HEAD)
    length = _field(text, lower, b"\r\ncontent-length:")
    return _Head(method, path, _field(text, lower, b"\r\nx-amz-target:"), body_from, body_from + int(length or 0))


def _field(text: bytes, lower: bytes, name: bytes) -> str:
    at = lower.find(name)
    if at < 0:
        return ""
    end = text.find(b"\r\n", at + len(name))
    return text[at + len(name) : end if end > 0 else None].strip().decode("ascii")


def _head(answer: Answer) -> bytes:
    crc32 = b"x-amz-crc32: %d\r\n" % zlib.crc32(answer.body) if answer.crc32 else b""
    said = _said_of_all(answer.status, answer.content_type, time.time_ns() // 1_000_000_000)
    return b"%b%bcontent-length: %d\r\n\r\n" % (said, crc32, len(answer.body))


@lru_cache(maxsize=16)
def _said_of_all(status: int, content_type: str, now_s: int) -> bytes:
    return (
        f"HTTP/1.1 {status} {'OK' if status == 200 else 'ERROR'}\r\n"
        f"date: {formatdate(now_s, usegmt=True)}\r\n"
        f"content-type: {content_type}\r\nx-amzn-requestid: bench\r\n"
    ).encode("ascii")
