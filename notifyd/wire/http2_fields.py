"""Headers as HTTP/2 has them: pairs of bytes, the request line among them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TypeAlias, TypeVar

from notifyd.wire.http1_target import Target
from notifyd.wire.transport import Request

T = TypeVar("T")
Fields: TypeAlias = Sequence[tuple[bytes, bytes]]
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# RFC 9113, 8.2.2: what tells of one HTTP/1.1 connection has no place here, and Host is `:authority`.
_OF_A_CONNECTION = frozenset(
    {"connection", "host", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"}
)


def fields_of_all(requests: Sequence[Request], target: Target, shared: Fields = ()) -> list[Fields | ValueError]:
    """Of each its fields, or why it has none: as `fields_of` tells of one."""
    return _alike(requests, target, shared) or [_of_one(request, target, shared) for request in requests]


def _alike(requests: Sequence[Request], target: Target, shared: Fields) -> list[Fields | ValueError] | None:
    """Of requests that differ in path, values and body alone, all looked at at once.

    None: they differ in more, or hold what has to be looked at more closely.
    """
    if not requests:
        return None
    method, names = requests[0].method, tuple(requests[0].headers)
    root, path_at = f"{target.origin}/", len(target.origin)
    texts: list[str] = []
    for request in requests:
        headers, url, body = request.headers, request.url, request.body
        if not body or request.method != method or tuple(headers) != names or not url.startswith(root):
            return None
        texts += (url[path_at:], *headers.values(), str(len(body)))
    values = _plain_values(texts)
    if values is None:
        return None
    try:
        line, own_names = _request_line(method, target), _checked_names(*names)
    except ValueError:
        return None
    each = (b":path", *own_names, b"content-length")
    pairs = [*zip(each * len(requests), values, strict=True)]
    return [[*line, *pairs[at : at + len(each)], *shared] for at in range(0, len(pairs), len(each))]


def _of_one(request: Request, target: Target, shared: Fields) -> Fields | ValueError:
    try:
        return fields_of(request, target, shared)
    except ValueError as error:
        return error


def fields_of(request: Request, target: Target, shared: Fields = ()) -> list[tuple[bytes, bytes]]:
    """`shared`: fields beside the request's own. ValueError, without any value in it, for what cannot go to this
    origin or would break out of its field.
    """
    path = request.url[len(target.origin) :] or "/"
    if not request.url.startswith(target.origin) or path[0] != "/":
        raise ValueError("the request is for another origin; give each origin its own transport")
    if not (path.isascii() and path.isprintable()) or " " in path:
        raise ValueError("the URL is not percent-encoded")
    line = _request_line(request.method, target)
    fields = [*line, (b":path", path.encode()), *header_fields(request.headers)]
    if request.body:
        fields.append((b"content-length", b"%d" % len(request.body)))
    return [*fields, *shared]


def header_fields(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """ValueError, without any value in it, for what is no header."""
    values = _plain_values([*headers.values()])
    if values is None:
        values = [_checked_value(name, value) for name, value in headers.items()]
    return [*zip(_checked_names(*headers), values, strict=True)]


def _plain_values(texts: Sequence[str]) -> list[bytes] | None:
    """All at once: to look at each takes as long as everything else that is done with it.

    None: one of them holds what a header may not, or what has to be looked at more closely.
    """
    text = "|".join(texts)
    values = text.encode("ascii", "replace").split(b"|")
    # A space may be where none is allowed, at an end.
    if " " in text or not (text.isascii() and text.isprintable()) or len(values) != len(texts):
        return None
    return values


def _checked_value(name: str, value: str) -> bytes:
    if not (value.isascii() and value.isprintable()) or value != value.strip():
        raise ValueError(f"the value of {name.lower()} holds what no header may")
    return value.encode()


class AnswerHeaders(Mapping[str, str]):
    """Of fields that were checked as they were decoded. An answer's headers are many, and hardly one is asked for:
    decoding them all took a tenth of what a push costs.
    """

    __slots__ = ("_fields",)

    def __init__(self, fields: Fields) -> None:
        self._fields = fields

    def __getitem__(self, name: str) -> str:
        """Of a header that comes more than once, what all of them say."""
        value = self._find(name)
        if value is None:
            raise KeyError(name)
        return value

    def get(self, name: str, default: T | None = None) -> str | T | None:  # type: ignore[override]
        """As of any mapping, without an exception on its way: most of what is asked for is not there."""
        value = self._find(name)
        return default if value is None else value

    def _find(self, name: str) -> str | None:
        raw = name.encode("latin-1", "replace")
        values = [value for other, value in self._fields if other == raw]
        return b", ".join(values).decode("latin-1") if values else None

    def __iter__(self) -> Iterator[str]:
        names = dict.fromkeys(name for name, _ in self._fields)
        return (name.decode("latin-1") for name in names)

    def __len__(self) -> int:
        return len({name for name, _ in self._fields})


def headers_of(fields: Fields) -> tuple[int, AnswerHeaders]:
    """Status and headers of an answer. The status comes first: libnghttp2 refuses what has it elsewhere."""
    return int(fields[0][1]), AnswerHeaders(fields[1:])


# Requests to one place have the same names.
@lru_cache(maxsize=256)
def _checked_names(*names: str) -> list[bytes]:
    if any(not _TOKEN.fullmatch(name) or name.lower() in _OF_A_CONNECTION for name in names):
        raise ValueError("a header's name is none that HTTP/2 has")
    return [name.lower().encode() for name in names]


@lru_cache(maxsize=256)
def _request_line(method: str, target: Target) -> tuple[tuple[bytes, bytes], ...]:
    if not _TOKEN.fullmatch(method):
        raise ValueError("the method is none")
    return (b":method", method.encode()), (b":scheme", b"https"), (b":authority", target.authority.encode())
