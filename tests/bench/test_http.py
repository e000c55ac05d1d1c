"""The bench's own HTTP server: whatever pieces a request comes in, it is answered once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from bench.servers.http import Answer, Connection, Request


class Written(asyncio.Transport):
    """A transport that only remembers."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[bytes] = []

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.answers.append(b"".join(list_of_data))


def asked(body: bytes, target: str = "Service.Echo") -> bytes:
    head = b"POST /path HTTP/1.1\r\nX-Amz-Target: %b\r\nContent-Length: %d\r\n\r\n"
    return head % (target.encode(), len(body)) + body


def received(wire: bytes, piece_bytes: int) -> tuple[list[Request], list[bytes]]:
    """What the handler was given, and what was written."""
    seen: list[Request] = []

    def handler(request: Request) -> Answer:
        seen.append(request)
        return Answer(b"%d" % len(request.body))

    connection, written = Connection(handler), Written()
    connection.connection_made(written)
    left = memoryview(wire)
    while left:
        with connection.get_buffer(-1) as room:
            size_bytes = min(piece_bytes, len(room), len(left))
            room[:size_bytes] = left[:size_bytes]
        connection.buffer_updated(size_bytes)
        left = left[size_bytes:]
    return seen, written.answers


@pytest.mark.parametrize("piece_bytes", [1, 7, 60, 1_000_000])
async def test_a_request_is_whole_whatever_pieces_it_comes_in(piece_bytes: int) -> None:
    wire = asked(b"one") + asked(b"") + asked(b"three" * 10, target="Service.Other")
    seen, answers = received(wire, piece_bytes)
    assert [request.body for request in seen] == [b"one", b"", b"three" * 10]
    assert [request.target for request in seen] == ["Service.Echo", "Service.Echo", "Service.Other"]
    assert {(request.method, request.path) for request in seen} == {("POST", "/path")}
    assert [answer.partition(b"\r\n\r\n")[2] for answer in answers] == [b"3", b"0", b"50"]


@pytest.mark.parametrize("piece_bytes", [10_000, 1_000_000])
async def test_a_body_larger_than_the_room_there_was_comes_whole_as_do_those_after_it(piece_bytes: int) -> None:
    bodies = [b"x" * 300_000, b"y" * 2_000_000, b"z"]
    seen, answers = received(b"".join(asked(body) for body in bodies), piece_bytes)
    assert [request.body for request in seen] == bodies
    assert len(answers) == 3
