"""HTTP/1.1 answers as hypothesis makes them up: whole ones, in any parts, and spoilt ones."""

from __future__ import annotations

from itertools import pairwise

import msgspec
from hypothesis import strategies as st

from notifyd.wire.transport import Response

BYTES_MAX = 4096

_NAMES = st.sampled_from(["Date", "x-amzn-RequestId", "X-Amz-Crc32", "Content-Type", "ETag", "server"])
_VALUES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF, categories=["L", "N", "P"]), max_size=20)
_INTERIM = st.lists(
    st.sampled_from([b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"]),
    max_size=2,
)


class Made(msgspec.Struct, frozen=True):
    """`sent` says `answer`; it is whole at its last byte and not before."""

    sent: bytes
    answer: Response


@st.composite
def made_answers(draw: st.DrawFn) -> Made:
    headers = draw(st.dictionaries(_NAMES, _VALUES, max_size=5))
    status = draw(st.sampled_from([200, 204, 304, 307, 400, 429, 503]))
    body = b"" if status in {204, 304} else draw(st.binary(max_size=300))
    lines = [f"HTTP/1.1 {status} {draw(st.sampled_from(['OK', '']))}", *(f"{n}: {v}" for n, v in headers.items())]
    if status in {204, 304}:
        framed, framing = b"", {}
    elif draw(st.booleans()):
        framed, framing = _chunked(draw, body), {"Transfer-Encoding": "chunked"}
    else:
        framed, framing = body, {"Content-Length": str(len(body))}
    lines += [f"{name}:{value}" for name, value in framing.items()]
    head = "\r\n".join([*lines, "", ""]).encode("latin-1")
    told = {name.lower(): value for name, value in (headers | framing).items()}
    return Made(b"".join(draw(_INTERIM)) + head + framed, Response(status, told, body))


def _chunked(draw: st.DrawFn, body: bytes) -> bytes:
    extension = draw(st.sampled_from([b"", b";name=value", b" ;a"]))
    chunks = [part for part in draw(parts_of(body)) if part]
    trailers = draw(st.sampled_from([b"", b"X-Sum: 1\r\n", b"X-Sum: 1\r\nX-More: 2\r\n"]))
    written = b"".join(b"%x%b\r\n%b\r\n" % (len(chunk), extension, chunk) for chunk in chunks)
    return written + b"0" + extension + b"\r\n" + trailers + b"\r\n"


def parts_of(data: bytes) -> st.SearchStrategy[list[bytes]]:
    """None of them is empty."""

    def cut(marks: set[int]) -> list[bytes]:
        edges = [0, *sorted(marks), len(data)]
        return [data[a:b] for a, b in pairwise(edges) if a < b]

    return st.sets(st.integers(0, len(data)), max_size=12).map(cut)


@st.composite
def spoilt_answers(draw: st.DrawFn) -> bytes:
    """A whole answer with some of it replaced, doubled or taken out: what plain noise never comes near to."""
    data = draw(made_answers()).sent
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 8)))
        filler = draw(
            st.one_of(
                st.binary(max_size=6), st.sampled_from([b"\r\n", b"\n", b"\r\n\r\n", b":", b"0", b"-1", b"ff"])
            )
        )
        data = data[:start] + filler + data[end:]
    return data
