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


class Request(msgspec.Struct):
    """`target`: the operation of X-Amz-Target, `<service>.<operation>`, where there is one."""

    method: str
    path: str
    target: str
    body: bytes


class Answer(msgspec.Struct):
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


class Connection(asyncio.Protocol):
    """One connection. Requests are answered as they become whole; clients do not pipeline."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._buffer = bytearray()
        self._body_from = 0
        self._whole_at = 0
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but its bases

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while self._is_whole():
            head = bytes(self._buffer[: self._body_from])
            body = bytes(self._buffer[self._body_from : self._whole_at])
            del self._buffer[: self._whole_at]
            self._whole_at = 0
            self._answer(_request(head, body))

    def _is_whole(self) -> bool:
        if not self._whole_at:
            end = self._buffer.find(_END_OF_HEAD)
            if end < 0:
                return False
            self._body_from = end + len(_END_OF_HEAD)
            self._whole_at = self._body_from + _content_length(self._buffer[:end].lower())
        return len(self._buffer) >= self._whole_at

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


def _content_length(head: bytearray) -> int:
    at = head.find(b"\r\ncontent-length:")
    if at < 0:
        return 0
    return int(head[at + 17 :].split(b"\r\n", 1)[0])


def _request(head: bytes, body: bytes) -> Request:
    line, _, rest = head.partition(b"\r\n")
    method, path, _ = line.decode("ascii").split(" ", 2)
    at = rest.lower().find(b"x-amz-target:")
    target = "" if at < 0 else rest[at + 13 :].split(b"\r\n", 1)[0].strip().decode("ascii")
    return Request(method, path, target, body)


def _head(answer: Answer) -> bytes:
    crc32 = f"x-amz-crc32: {zlib.crc32(answer.body)}\r\n" if answer.crc32 else ""
    return (
        f"HTTP/1.1 {answer.status} {'OK' if answer.status == 200 else 'ERROR'}\r\n"
        f"date: {_date(time.time_ns() // 1_000_000_000)}\r\n"
        f"content-type: {answer.content_type}\r\nx-amzn-requestid: bench\r\n{crc32}"
        f"content-length: {len(answer.body)}\r\n\r\n"
    ).encode("ascii")


@lru_cache(maxsize=1)
def _date(now_s: int) -> str:
    return formatdate(now_s, usegmt=True)
