"""How many streams run, how long, and what of a request leaves before it may."""

from __future__ import annotations

import asyncio

import pytest

from notifyd.errors import NoAnswer
from notifyd.wire.http2_limits import Http2Limits
from notifyd.wire.transport import Response
from tests.support import http2_frames as h2
from tests.support.http2_client import http2, kinds, until
from tests.support.http2_server import Http2Peer, echoing, greeting, http2_server, silent


async def test_no_more_streams_run_than_the_other_side_takes() -> None:
    async with (
        http2_server(echoing, greet=greeting({h2.MAX_CONCURRENT_STREAMS: 7})) as server,
        http2(server.origin) as client,
    ):
        assert kinds(await client.post_all([b"x"] * 200)) == ["200"] * 200
        assert server.open_max <= 7


@pytest.mark.parametrize("allowed", [{}, {h2.MAX_CONCURRENT_STREAMS: 100}, {h2.MAX_CONCURRENT_STREAMS: 2**32 - 1}])
async def test_where_the_other_side_takes_more_our_limit_holds(allowed: dict[int, int]) -> None:
    async with (
        http2_server(silent, greet=greeting(allowed)) as server,
        http2(server.origin, limits=Http2Limits(streams_max=5, close_timeout_s=0.0)) as client,
    ):
        asked = client.start(*[b""] * 9)
        await until(lambda: server.begun == 5)
        for stream in list(server.requests):
            stream.answer()
        await until(lambda: server.begun == 9)
        assert server.open_max == 5
        asked.cancel()


async def test_a_limit_that_grows_and_shrinks_is_followed() -> None:
    """APNs takes one stream until the first is answered, then 1,000."""
    async with (
        http2_server(silent, greet=greeting({h2.MAX_CONCURRENT_STREAMS: 1})) as server,
        http2(server.origin) as client,
    ):
        asked = client.start(*[b""] * 20)
        first = await server.asked.get()
        assert server.begun == 1
        first.peer.write(h2.settings({h2.MAX_CONCURRENT_STREAMS: 10}))
        first.answer()
        await until(lambda: server.begun == 11)
        first.peer.write(h2.settings({h2.MAX_CONCURRENT_STREAMS: 2}))
        for stream in server.requests[1:10]:
            stream.answer()
        await until(lambda: server.begun == 12)
        server.behave = echoing
        for stream in server.requests[10:12]:
            stream.answer()
        assert kinds(await asked) == ["200"] * 20
        assert server.open_max == 10


async def test_whoever_is_cancelled_ends_the_streams_and_begins_no_more() -> None:
    async with (
        http2_server(silent, greet=greeting({h2.MAX_CONCURRENT_STREAMS: 2})) as server,
        http2(server.origin) as client,
    ):
        cancelled = client.start(b"1", b"2", b"3", b"4")
        await until(lambda: server.begun == 2)
        cancelled.cancel()
        await until(lambda: len(server.resets) == 2)
        server.behave = echoing
        assert (await client.post(b"next")).body == b"next"
        assert cancelled.cancelled()
        assert server.bodies == [b"1", b"2", b"next"]


async def test_what_finds_the_queue_full_is_not_sent() -> None:
    async with (
        http2_server(silent, greet=greeting({h2.MAX_CONCURRENT_STREAMS: 1})) as server,
        http2(server.origin, waiting_max=3) as client,
    ):
        first = client.start(b"1")
        await server.asked.get()
        waiting = client.start(b"2", b"3", b"4", b"5")
        server.behave = echoing
        await asyncio.wait([waiting], timeout=0)
        server.requests[0].answer()
        assert kinds(await waiting) == ["200", "200", "200", "NotSent"]
        assert kinds(await first) == ["200"]
        assert server.bodies == [b"1", b"2", b"3", b"4"]


async def test_a_thousand_bodies_over_a_small_window_are_all_answered() -> None:
    bodies = [b"%d" % number * 100 for number in range(1000)]
    async with (
        http2_server(echoing, greet=greeting({h2.MAX_CONCURRENT_STREAMS: 1000})) as server,
        http2(server.origin) as client,
    ):
        answers = await client.post_all(bodies)
        assert [answer.body for answer in answers if isinstance(answer, Response)] == bodies


async def test_a_body_larger_than_any_window_goes_out_in_parts() -> None:
    body = bytes(range(256)) * 2000
    async with http2_server(echoing) as server, http2(server.origin) as client:
        with pytest.raises(NoAnswer, match="larger than"):
            await client.post(body)
        assert server.bodies == [body]


async def test_an_answer_larger_than_the_window_is_read_whole() -> None:
    parts = [bytes([number]) * 16_000 for number in range(40)]
    limits = Http2Limits(answer_bytes_max=1_000_000, close_timeout_s=0.0)
    async with http2_server(silent) as server, http2(server.origin, limits=limits) as client:
        asked = client.start(b"")
        stream = await server.asked.get()
        stream.head(200)

        def window_bytes() -> int:
            updates = [frame for frame in server.frames if frame.kind == h2.WINDOW_UPDATE]
            return 65_535 + sum(frame.number for frame in updates if frame.stream_id == stream.stream_id)

        for number, part in enumerate(parts, 1):
            await until(lambda sent=number * 16_000: window_bytes() >= sent)  # type: ignore[misc]
            stream.data(part, end=number == len(parts))
        [answer] = await asked
        assert getattr(answer, "body", answer) == b"".join(parts)


async def test_an_answer_before_the_request_was_read_ends_the_rest_of_it() -> None:
    def answer_at_once(peer: Http2Peer) -> None:
        greeting({h2.MAX_CONCURRENT_STREAMS: 100, h2.INITIAL_WINDOW_SIZE: 10})(peer)

    async with http2_server(echoing, greet=answer_at_once) as server, http2(server.origin) as client:
        server.gives_window = False
        asked = client.start(b"x" * 100)
        await until(lambda: server.begun == 1)
        server.peers[0].open[1].answer(413)
        assert kinds(await asked) == ["413"]
        await until(lambda: server.resets == [(1, h2.CANCEL)])
        assert (await client.post(b"next")).body == b"next"
