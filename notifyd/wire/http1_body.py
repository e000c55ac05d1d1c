"""The three ways in which a body ends: at its length, at its last chunk, with the connection."""

from __future__ import annotations

import re
from typing import Protocol

from notifyd.wire.http1_head import BadAnswer, Head

_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?")
# A chunk's extensions are nobody's; trailers are as many as headers.
_LINE_BYTES_MAX = 4096
_TRAILERS_MAX = 128
_SIZE, _END_OF_CHUNK, _TRAILER = range(3)


class TooLarge(BadAnswer):
    """More than what is taken."""


class Body(Protocol):
    surplus: bool
    """Bytes came after the end."""

    def feed(self, data: bytes) -> bytes | None:
        """The whole body once it is there."""
        ...

    def end(self) -> bytes | None:
        """The body where the end of the connection makes it whole."""
        ...


def body_of(head: Head, *, bytes_max: int) -> Body:
    if head.chunked:
        return _Chunked(bytes_max)
    if head.length is None:
        return _UntilClosed(bytes_max)
    if head.length > bytes_max:
        raise _too_large(bytes_max)
    return _Sized(head.length)


class _Sized:
    def __init__(self, length: int) -> None:
        self._left = length
        self._parts: list[bytes] = []
        self.surplus = False

    def feed(self, data: bytes) -> bytes | None:
        left = self._left - len(data)
        if left < 0:
            self.surplus = True
            data = data[:left]
        if left <= 0 and not self._parts:
            return data
        self._parts.append(data)
        self._left = left
        return b"".join(self._parts) if left <= 0 else None

    def end(self) -> bytes | None:
        return None


class _UntilClosed:
    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._body = bytearray()
        self.surplus = False

    def feed(self, data: bytes) -> bytes | None:
        self._body += data
        if len(self._body) > self._bytes_max:
            raise _too_large(self._bytes_max)
        return None

    def end(self) -> bytes | None:
        return bytes(self._body)


class _Chunked:
    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        # Not a list of parts: chunks of two bytes would take twenty times their size.
        self._body = bytearray()
        self._left = 0
        self._line = b""
        self._expected = _SIZE
        self._trailers = 0
        self.surplus = False

    def feed(self, data: bytes) -> bytes | None:
        if self._line:
            data, self._line = self._line + data, b""
        at = 0
        while True:
            if self._left:
                part = data[at : at + self._left]
                self._body += part
                self._left -= len(part)
                at += len(part)
                if self._left:
                    return None
            end = data.find(b"\r\n", at)
            if (len(data) if end < 0 else end) - at > _LINE_BYTES_MAX:
                raise BadAnswer(f"a chunk's line is longer than {_LINE_BYTES_MAX} bytes")
            if end < 0:
                self._line = data[at:]
                return None
            line, at = data[at:end], end + 2
            if self._expected == _TRAILER and not line:
                self.surplus = at < len(data)
                return bytes(self._body)
            self._take(line)

    def end(self) -> bytes | None:
        return None

    def _take(self, line: bytes) -> None:
        if self._expected == _SIZE:
            match = _SIZE_LINE.fullmatch(line)
            if match is None:
                raise BadAnswer("a chunk begins without its size")
            self._left = int(match[1], 16)
            if len(self._body) + self._left > self._bytes_max:
                raise _too_large(self._bytes_max)
            self._expected = _END_OF_CHUNK if self._left else _TRAILER
        elif self._expected == _END_OF_CHUNK:
            if line:
                raise BadAnswer("a chunk is longer than its size")
            self._expected = _SIZE
        else:
            self._trailers += 1
            if self._trailers > _TRAILERS_MAX:
                raise BadAnswer(f"more than {_TRAILERS_MAX} trailers follow the last chunk")


def _too_large(bytes_max: int) -> TooLarge:
    return TooLarge(f"the answer is larger than {bytes_max} bytes and was cut off")
