"""Where a request goes, and the bytes that say so."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import urlsplit

import msgspec

from notifyd.wire.transport import Request

_PORTS = {"http": 80, "https": 443}
_VISIBLE = re.compile(r"[!-~]+")
# Methods whose requests have a body only where there is one to send.
_BODILESS = frozenset({"GET", "DELETE"})


class Target(msgspec.Struct, frozen=True):
    """`origin` may stand in logs, `path` (with its query) may be a secret; `authority` is the Host header."""

    origin: str
    host: str
    port: int
    tls: bool
    authority: str
    path: str


@lru_cache(maxsize=64)
def target_of(url: str) -> Target:
    """ValueError, without the URL in it, for what is no percent-encoded http or https URL."""
    if not _VISIBLE.fullmatch(url):
        raise ValueError("the URL is not percent-encoded")
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
        (parts.hostname or "").encode("idna")  # as whoever resolves it will
    except (ValueError, KeyError):
        raise ValueError("the URL is none of http or https") from None
    host = parts.hostname
    if not host or "@" in parts.netloc:
        raise ValueError("the URL has no host, or a password")
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    origin = f"{parts.scheme}://{parts.netloc}"
    return Target(origin, host, port, parts.scheme == "https", parts.netloc, path)


def request_bytes(request: Request, target: Target) -> list[bytes]:
    """Head and body. ValueError for what would break out of its line.

    The body's length is told here, the Host where the caller does not; every other header is the caller's.
    """
    headers = request.headers
    lines = [f"{request.method} {target.path} HTTP/1.1"]
    if "host" not in headers and "Host" not in headers:
        lines.append(f"host: {target.authority}")
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if request.body or request.method not in _BODILESS:
        lines.append(f"content-length: {len(request.body)}")
    text = "\r\n".join([*lines, "", ""])
    ends = len(lines) + 1
    if text.count("\r") != ends or text.count("\n") != ends or "\0" in text:
        raise ValueError("a header holds a line break or a NUL")
    head = text.encode()
    return [head, request.body] if request.body else [head]
