"""Headers as HTTP/2 has them: pairs of bytes, the request line among them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias

from notifyd.wire.http1_target import Target
from notifyd.wire.transport import Request

Fields: TypeAlias = Sequence[tuple[bytes, bytes]]
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# RFC 9113, 8.2.2: what tells of one HTTP/1.1 connection has no place here, and Host is `:authority`.
_OF_A_CONNECTION = frozenset(
    {"connection", "host", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"}
)


def fields_of(request: Request, target: Target) -> list[tuple[bytes, bytes]]:
    """ValueError, without any value in it, for what cannot go to this origin or would break out of its field."""
    path = request.url[len(target.origin) :] or "/"
    if not request.url.startswith(target.origin) or path[0] != "/":
        raise ValueError("the request is for another origin; give each origin its own transport")
    if " " in path:
        raise ValueError("the URL is not percent-encoded")
    fields = [
        (b":method", _bytes_of(request.method, ":method")),
        (b":scheme", b"https"),
        (b":authority", target.authority.encode()),
        (b":path", _bytes_of(path, ":path")),
    ]
    fields += [(_name_of(name), _bytes_of(value, name)) for name, value in request.headers.items()]
    if request.body:
        fields.append((b"content-length", b"%d" % len(request.body)))
    return fields


def headers_of(fields: Fields) -> tuple[int, dict[str, str]]:
    """Status and headers of an answer whose fields were checked as they were decoded."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in fields:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return int(headers.pop(":status")), headers


@lru_cache(maxsize=256)
def _name_of(name: str) -> bytes:
    lower = name.lower()
    if not _TOKEN.fullmatch(name) or lower in _OF_A_CONNECTION:
        raise ValueError("a header's name is none that HTTP/2 has")
    return lower.encode()


def _bytes_of(value: str, name: str) -> bytes:
    if not (value.isascii() and value.isprintable()) or value != value.strip():
        raise ValueError(f"the value of {name} holds what no header may")
    return value.encode()
