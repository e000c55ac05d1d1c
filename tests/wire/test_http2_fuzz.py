"""Servers that send anything, cut anywhere, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import cycle

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifyd.errors import NoAnswer, NotSent
from notifyd.wire.http2_limits import Http2Limits
from notifyd.wire.tls import client_context
from notifyd.wire.transport import Answer, Request, Response
from notifyd.wire.transport_http2 import Http2Transport
from tests.fakes.system import FakeEntropy
from tests.support import http2_frames as h2
from tests.support.http2_server import Asked, Http2Peer, Http2Server, echoing, greeting
from tests.support.memory_loop import MemoryLoop

TLS = client_context()
ORIGIN = "https://push.example"
LIMITS = Http2Limits(
    streams_max=4,
    answer_bytes_max=64,
    silence_max_s=2.0,
    ping_timeout_s=0.5,
    keep_alive_s=7.0,
    close_timeout_s=1.0,
)


class Sent(msgspec.Struct, frozen=True):
    """A frame of the stream that was asked on, of one nearby, or (None) of the connection."""

    kind: int
    offset: int | None
    payload: bytes
    flags: int = 0

    def bytes_for(self, stream_id: int) -> bytes:
        return h2.frame(
            self.kind,
            0 if self.offset is None else max(0, stream_id + self.offset),
            self.payload,
            flags=self.flags,
        )


class Deed(msgspec.Struct, frozen=True):
    """What the server does when it is asked, after `wait_s`. `sends` None ends the connection."""

    wait_s: float
    echoes: bool
    sends: list[Sent | bytes] | None


OWN = st.sampled_from([0, 0, 0, 0, -2, 2, 4, 1])
CODES = st.sampled_from([h2.NO_ERROR, h2.REFUSED_STREAM, h2.INTERNAL_ERROR, h2.CANCEL, 0xFFFF])
NUMBERS = st.sampled_from([0, 1, 3, 5, 100, 2**16, 2**31 - 1, 2**32 - 1])
# :status 200, :status 500, 100, a literal header, an index that is none, a table that is too large.
BLOCKS = st.sampled_from(
    [
        b"\x88",
        b"\x88",
        b"\x8e",
        b"\x08\x03100",
        b"\x88\x00\x01a\x01b",
        b"\xff\xff\xff\xff\x7f",
        b"\x3f\xff\xff\x7f",
        b"",
    ]
)


def numbers_of(*strategies: st.SearchStrategy[int]) -> st.SearchStrategy[bytes]:
    return st.tuples(*strategies).map(lambda numbers: b"".join(number.to_bytes(4) for number in numbers))


FRAMES = st.one_of(
    st.builds(Sent, st.just(h2.HEADERS), OWN, BLOCKS, st.sampled_from([0x4, 0x5, 0x5, 0x0, 0x1])),
    st.builds(Sent, st.just(h2.DATA), OWN, st.binary(max_size=70), st.sampled_from([0x0, 0x1, 0x8])),
    st.builds(Sent, st.just(h2.RST_STREAM), OWN, numbers_of(CODES)),
    st.builds(Sent, st.just(h2.GOAWAY), st.none(), numbers_of(NUMBERS, CODES)),
    st.builds(Sent, st.just(h2.WINDOW_UPDATE), st.one_of(st.none(), OWN), numbers_of(NUMBERS)),
    st.builds(Sent, st.just(h2.PING), st.none(), numbers_of(NUMBERS, NUMBERS), st.integers(0, 1)),
    st.builds(Sent, st.integers(0, 12), st.one_of(st.none(), OWN), st.binary(max_size=20), st.integers(0, 255)),
)
SETTINGS = st.dictionaries(st.integers(1, 9), NUMBERS, max_size=3).map(h2.settings)
DEEDS = st.builds(
    Deed,
    st.sampled_from([0.0, 0.0, 0.0, 0.3, 2.5, 11.0]),
    st.booleans(),
    st.one_of(st.none(), *[st.lists(st.one_of(FRAMES, FRAMES, SETTINGS, st.binary(max_size=30)), max_size=4)] * 6),
)
GREETINGS = st.lists(st.one_of(st.none(), SETTINGS, st.binary(max_size=30)), max_size=3).map(
    lambda others: [None, *others]
)


class Anarchist(Http2Peer):
    """Keeps to the protocol until it is asked for something, then does one deed after another."""

    def __init__(self, server: Http2Server, deeds: Iterator[Deed], cut: int) -> None:
        super().__init__(server)
        self._deeds = deeds
        self._cut = cut

    def ask(self, asked: Asked) -> None:
        deed = next(self._deeds)
        asyncio.get_running_loop().call_later(deed.wait_s, self._do, deed, asked)

    def _do(self, deed: Deed, asked: Asked) -> None:
        if self.closed:
            return
        if deed.echoes:
            echoing(asked)
        if deed.sends is None:
            self.transport.close()
            return
        sent = b"".join(
            part if isinstance(part, bytes) else part.bytes_for(asked.stream_id) for part in deed.sends
        )
        for at in range(0, len(sent), self._cut):
            self.transport.write(sent[at : at + self._cut])


def anarchy(deeds: list[Deed], greetings: list[bytes | None], cut: int) -> MemoryLoop:
    def behave(asked: Asked) -> None:
        assert isinstance(asked.peer, Anarchist)
        asked.peer.ask(asked)

    def greet(peer: Http2Peer) -> None:
        greeted = next(welcomes)
        if greeted is None:
            greeting()(peer)
        else:
            peer.transport.write(greeted)

    server = Http2Server(behave, greet)
    welcomes, doings = cycle(greetings), cycle(deeds)
    loop = MemoryLoop()
    loop.serve = lambda: Anarchist(server, doings, cut)
    return loop


async def send(times_s: list[float]) -> list[tuple[list[Answer], float]]:
    """Batches of three, a second apart; with each, how long after its deadline it was answered."""
    transport = Http2Transport(
        ORIGIN, TLS, entropy=FakeEntropy(), connections_max=2, waiting_max=20, limits=LIMITS
    )
    loop = asyncio.get_running_loop()
    requests = [Request("POST", f"{ORIGIN}/{number}", {"a": "b"}, b"body") for number in range(3)]

    async def batch(number: int, timeout_s: float) -> tuple[list[Answer], float]:
        begun = asyncio.Event()
        loop.call_later(float(number), begun.set)
        await begun.wait()
        by_s = loop.time() + timeout_s
        answers = await transport.send_all(requests, timeout_s=timeout_s)
        return answers, loop.time() - by_s

    try:
        return await asyncio.gather(*(batch(number, timeout_s) for number, timeout_s in enumerate(times_s)))
    finally:
        await transport.close()


SERVERS = st.tuples(st.lists(DEEDS, min_size=1, max_size=6), GREETINGS, st.integers(1, 50))
TIMES_S = st.lists(st.sampled_from([0.5, 3.0, 5.0]), min_size=1, max_size=6)


def check(server: tuple[list[Deed], list[bytes | None], int], times_s: list[float]) -> None:
    loop = anarchy(*server)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        for answers, late_s in runner.run(send(times_s)):
            assert len(answers) == 3
            assert all(isinstance(answer, Response | NotSent | NoAnswer) for answer in answers)
            assert late_s < 0.01
        assert loop.faults == []
        assert all(transport.is_closing() for transport in loop.near)


@settings(max_examples=100)
@given(SERVERS, TIMES_S)
def test_whatever_a_server_sends_every_request_ends_by_its_deadline_in_one_of_three_ways(
    server: tuple[list[Deed], list[bytes | None], int], times_s: list[float]
) -> None:
    check(server, times_s)


@pytest.mark.slow
@pytest.mark.timeout(300)
@settings(max_examples=1500)
@given(SERVERS, TIMES_S)
def test_so_it_is_over_many_more_servers(
    server: tuple[list[Deed], list[bytes | None], int], times_s: list[float]
) -> None:
    check(server, times_s)
