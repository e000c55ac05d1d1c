"""Headers as HTTP/2 has them: pairs of bytes, the request line among them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
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


def fields_of(request: Request, target: Target, shared: Fields = ()) -> list[tuple[bytes, bytes]]:
    """`shared`: fields beside the request's own. ValueError, without any value in it, for what cannot go to this
    origin or would break out of its field.
    """
    path = request.url[len(target.origin) :] or "/"
    if not request.url.startswith(target.origin) or path[0] != "/":
        raise ValueError("the request is for another origin; give each origin its own transport")
    if not (path.isascii() and path.isprintable()) or " " in path:
        raise ValueError("the URL is not percent-encoded")
    fields = [
        (b":method", _checked_method(request.method)),
        (b":scheme", b"https"),
        (b":authority", target.authority.encode()),
        (b":path", path.encode()),
        *shared,
        *header_fields(request.headers),
    ]
    if request.body:
        fields.append((b"content-length", b"%d" % len(request.body)))
    return fields


def header_fields(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """ValueError, without any value in it, for what is no header."""
    # All values at once: to look at each takes as long as everything else that is done with it.
    text = f"|{'|'.join(headers.values())}|"
    values = text.encode("ascii", "replace").split(b"|")[1:-1]
    is_plain = text.isascii() and text.isprintable() and " |" not in text and "| " not in text
    if not is_plain or len(values) != len(headers):
        values = [_checked_value(name, value) for name, value in headers.items()]
    return [*zip(map(_checked_name, headers), values, strict=True)]


def _checked_value(name: str, value: str) -> bytes:
    if not (value.isascii() and value.isprintable()) or value != value.strip():
        raise ValueError(f"the value of {name.lower()} holds what no header may")
    return value.encode()


def headers_of(fields: Fields) -> tuple[int, dict[str, str]]:
    """Status and headers of an answer whose fields were checked as they were decoded."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in fields}
    if len(headers) < len(fields):
        headers = {name: _joined(fields, name) for name in headers}
    return int(headers.pop(":status")), headers


def _joined(fields: Fields, name: str) -> str:
    """Of a header that comes more than once, what all of them say."""
    raw = name.encode("latin-1")
    return b", ".join(value for other, value in fields if other == raw).decode("latin-1")


@lru_cache(maxsize=256)
def _checked_name(name: str) -> bytes:
    lower = name.lower()
    if not _TOKEN.fullmatch(name) or lower in _OF_A_CONNECTION:
        raise ValueError("a header's name is none that HTTP/2 has")
    return lower.encode()


@lru_cache(maxsize=16)
def _checked_method(method: str) -> bytes:
    if not _TOKEN.fullmatch(method):
        raise ValueError("the method is none")
    return method.encode()
