"""The head of an HTTP/1.1 answer: status line and headers, strictly."""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

HEAD_BYTES_MAX = 32 * 1024
_HEADERS_MAX = 128
_STATUS_LINE = re.compile(r"HTTP/1\.([01]) ([1-9][0-9]{2})(?: .*)?")
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_BODILESS = frozenset({204, 304})


class BadAnswer(Exception):
    """What came is no HTTP/1.1, or more than what is taken."""


class Head(msgspec.Struct):
    """`length` is None where no header tells it; `persistent`: the other side keeps the connection."""

    status: int
    headers: dict[str, str]
    persistent: bool
    chunked: bool
    length: int | None


def parse_head(data: bytes) -> Head:
    """`data` is without the empty line that ends a head."""
    status_line, *lines = data.decode("latin-1").split("\r\n")
    if data.count(b"\r") != len(lines) or data.count(b"\n") != len(lines):
        raise BadAnswer("a line of the head does not end in CR LF")
    if len(lines) > _HEADERS_MAX:
        raise BadAnswer(f"the head has {len(lines)} headers, at most {_HEADERS_MAX} are taken")
    match = _STATUS_LINE.fullmatch(status_line)
    if match is None:
        raise BadAnswer("the answer does not begin as HTTP/1.1")
    headers: dict[str, str] = {}
    for line in lines:
        raw_name, colon, value = line.partition(":")
        name = _lower(raw_name)
        if not colon or not name:
            raise BadAnswer("a line of the head is no header")
        value = value.strip(" \t")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return _framed(int(match[2]), headers, version_1_1=match[1] == "1")


@lru_cache(maxsize=256)
def _lower(name: str) -> str:
    """Empty where that is no name of a header."""
    return name.lower() if _TOKEN.fullmatch(name) else ""


def _framed(status: int, headers: dict[str, str], *, version_1_1: bool) -> Head:
    coding = headers.get("transfer-encoding")
    told = headers.get("content-length")
    if coding is not None and (told is not None or coding.lower() != "chunked"):
        # Two lengths: whoever picks the wrong one takes a part of a body for the next answer.
        raise BadAnswer("the answer's transfer encoding is not chunked alone")
    connection = headers.get("connection")
    persistent = version_1_1 and (connection is None or "close" not in connection.lower())
    if status in _BODILESS:
        return Head(status, headers, persistent, chunked=False, length=0)
    return Head(status, headers, persistent, coding is not None, None if told is None else _length(told))


def _length(text: str) -> int:
    # 18 digits: more is no length that anyone sends, and int() would take its time for thousands.
    if not text.isdecimal() or len(text) > 18:
        raise BadAnswer("the answer's Content-Length is no number")
    return int(text)
