"""Which connection a request takes, when another is opened, and how one ends."""

from __future__ import annotations

import asyncio

import pytest

from notifyd.errors import NoAnswer, NotSent
from notifyd.wire.http2_limits import Http2Limits
from tests.support import http2_frames as h2
from tests.support.http2_client import SHORT_S, Client, http2, kinds, until
from tests.support.http2_server import Asked, Http2Peer, echoing, greeting, http2_server, silent

ONE = greeting({h2.MAX_CONCURRENT_STREAMS: 1})


def silence_s(client: Client) -> float:
    [connection] = client.transport._pool._usable
    return asyncio.get_running_loop().time() - connection._heard_s


async def test_a_connection_is_kept_for_the_next_request() -> None:
    async with http2_server(echoing) as server, http2(server.origin, connections_max=3) as client:
        for _ in range(5):
            await client.post()
        assert len(server.peers) == 1


async def test_another_connection_is_opened_when_one_is_at_its_stream_limit_and_never_too_many() -> None:
    async with http2_server(echoing, greet=ONE) as server, http2(server.origin, connections_max=3) as client:
        await client.post(b"the first connection has answered")
        server.behave = silent
        asked = client.start(*[b""] * 8)
        await until(lambda: server.begun == 3)
        assert len(server.peers) == 2
        server.requests[-1].answer()  # the second one, too, has answered now
        await until(lambda: len(server.peers) == 3 and server.begun == 5)
        server.behave = echoing
        for stream in server.requests[1:]:
            stream.answer()
        assert kinds(await asked) == ["200"] * 8
        assert len(server.peers) == 3


async def test_a_retired_connection_takes_no_further_request_and_ends_what_runs() -> None:
    async with http2_server(silent) as server, http2(server.origin) as client:
        running, throttled = client.start(b"running"), client.start(b"throttled")
        streams = [await server.asked.get(), await server.asked.get()]
        streams[1].answer(429)
        [answer] = await throttled
        for _ in range(2):
            client.transport.retire(answer)  # type: ignore[arg-type] # the next assertion says that it is one
        assert kinds([answer]) == ["429"]
        server.behave = echoing
        other = await client.post(b"over another")
        client.transport.retire(answer)  # type: ignore[arg-type] # again, late: the new one stays
        assert (await client.post(b"over the same")).connection == other.connection
        assert len(server.peers) == 2
        streams[0].answer(200, b"ends well")
        assert kinds(await running) == ["200"]
        await until(lambda: server.peers[0].closed)
        assert server.farewells == 1


async def test_stream_ids_that_are_used_up_make_a_new_connection() -> None:
    limits = Http2Limits(stream_id_max=7, close_timeout_s=SHORT_S)
    async with http2_server(echoing) as server, http2(server.origin, limits=limits) as client:
        answers = await client.post_all([b"%d" % number for number in range(10)])
        assert kinds(answers) == ["200"] * 10
        assert len(server.requests) == 10
        assert max(frame.stream_id for frame in server.frames) == 7
        assert len(server.peers) == 3


async def test_what_waits_when_every_try_fails_hears_why() -> None:
    def hang_up(peer: Http2Peer) -> None:
        peer.transport.abort()

    async with http2_server(echoing, greet=hang_up) as server, http2(server.origin) as client:
        with pytest.raises(NotSent, match="the connection was"):
            await client.post()


async def test_a_name_that_does_not_resolve_is_not_sent() -> None:
    async with http2("https://nobody.invalid") as client:
        with pytest.raises(NotSent, match="gaierror"):
            await client.post()


@pytest.mark.parametrize("origin", ["http://127.0.0.1", "https://127.0.0.1/path", "https://", "127.0.0.1"])
async def test_what_is_no_https_origin_is_refused(origin: str) -> None:
    with pytest.raises(ValueError, match=r"origin|URL"):
        async with http2(origin):
            pass


async def test_closing_lets_what_runs_end_and_sends_nothing_that_waits() -> None:
    async with http2_server(silent, greet=ONE) as server:
        async with http2(server.origin) as client:
            asked = client.start(b"runs", b"waits")
            stream = await server.asked.get()
            closing_ = asyncio.create_task(client.transport.close())
            await asyncio.wait([closing_], timeout=0)
            stream.answer(200, b"ended well")
            await closing_
            assert kinds(await asked) == ["200", "NotSent"]
            with pytest.raises(NotSent, match="closed"):
                await client.post()
        assert server.bodies == [b"runs"]
        await until(lambda: server.farewells == 1)


async def test_closing_does_not_wait_longer_than_it_may() -> None:
    limits = Http2Limits(close_timeout_s=0.05)
    async with http2_server(silent) as server, http2(server.origin, limits=limits) as client:
        asked = client.start(b"")
        await server.asked.get()
        await client.transport.close()
        with pytest.raises(NoAnswer, match="closed"):
            raise (await asked)[0]  # type: ignore[misc] # the match says that it is an error


async def test_closing_ends_what_connects() -> None:
    def nothing(_: Http2Peer) -> None:
        return None

    async with http2_server(silent, greet=nothing) as server, http2(server.origin) as client:
        asked = client.start(b"")
        await until(lambda: len(server.peers) == 1)
        await client.transport.close()
        assert kinds(await asked) == ["NotSent"]
        await until(lambda: server.peers[0].closed)


async def test_whoever_closes_can_be_cancelled_while_what_connects_ends() -> None:
    def nothing(_: Http2Peer) -> None:
        return None

    async with http2_server(silent, greet=nothing) as server, http2(server.origin) as client:
        client.start(b"")
        await until(lambda: len(server.peers) == 1)
        closing_ = asyncio.create_task(client.transport.close())
        await asyncio.wait([closing_], timeout=0)
        closing_.cancel()
        await asyncio.wait([closing_])
        assert closing_.cancelled()


WIDE = greeting({h2.MAX_CONCURRENT_STREAMS: 1000, h2.INITIAL_WINDOW_SIZE: 2**30})


def answer_once_and_stop_reading(asked: Asked) -> None:
    if asked.number == 1:
        asked.answer()
        asked.peer.write(h2.window_update(0, 2**30))
        asked.peer.transport.pause_reading()


async def test_a_peer_that_does_not_read_is_let_go_once_nobody_waits() -> None:
    """Nothing can be written to it, not even that a stream has ended."""
    limits = Http2Limits(silence_max_s=0.05, ping_timeout_s=0.05, close_timeout_s=0.0)
    async with (
        http2_server(answer_once_and_stop_reading, greet=WIDE) as server,
        http2(server.origin, limits=limits) as client,
    ):
        await client.post()
        answers = await client.post_all([b"x" * 100_000] * 200, timeout_s=SHORT_S)
        assert set(kinds(answers)) == {"NoAnswer", "NotSent"}
        server.behave = echoing
        assert (await client.post(b"over a new one")).body == b"over a new one"
        await until(lambda: len(client.transport._pool._ending) == 0)
        assert len(server.peers) == 2
