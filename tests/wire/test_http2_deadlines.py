"""What time does to a request and to a connection. On a loop of virtual time, so that each second is exact."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from notifyd.errors import NoAnswer, NotSent
from tests.support import http2_frames as h2
from tests.support.http2_client import Client, http2, kinds
from tests.support.http2_server import Asked, Http2Peer, echoing, greeting, http2_server, silent
from tests.support.memory_loop import MemoryLoop
from tests.support.virtual_time import VirtualClock

ONE = greeting({h2.MAX_CONCURRENT_STREAMS: 1})
CLOCK = VirtualClock()


def pings(frames: list[h2.Frame]) -> int:
    return sum(frame.kind == h2.PING and not frame.flags & h2.ACK for frame in frames)


async def seconds_of(client: Client, body: bytes, *, timeout_s: float) -> tuple[str, float]:
    """To a hundredth."""
    start_s = CLOCK.elapsed_s()
    [kind] = kinds(await client.post_all([body], timeout_s=timeout_s))
    return kind, round(CLOCK.elapsed_s() - start_s, 2)


async def test_a_deadline_ends_the_stream() -> None:
    async with http2_server(silent) as server, http2(server.origin) as client:
        assert await seconds_of(client, b"1", timeout_s=5.0) == ("NoAnswer", 5.0)
        server.behave = echoing
        assert (await client.post(b"next")).body == b"next"
        assert server.resets == [(1, h2.CANCEL)]
        assert len(server.peers) == 1


async def test_a_deadline_gives_what_was_answered_and_ends_the_rest() -> None:
    def answer_the_even(asked: Asked) -> None:
        if asked.number % 2 == 0:
            asked.answer()

    greet = greeting({h2.MAX_CONCURRENT_STREAMS: 3})
    async with http2_server(answer_the_even, greet=greet) as server, http2(server.origin) as client:
        answers = await client.post_all([b""] * 9, timeout_s=5.0)
        # Numbers 1, 3 and 5 hold the three streams, so that after them nothing begins.
        assert kinds(answers) == ["NoAnswer", "200", "NoAnswer", "200", "NoAnswer"] + ["NotSent"] * 4
        await CLOCK.sleep(0.1)
        assert server.resets == [(1, h2.CANCEL), (5, h2.CANCEL), (9, h2.CANCEL)]


async def test_a_byte_now_and_then_does_not_stretch_the_deadline() -> None:
    def drip(asked: Asked) -> None:
        asked.head(200)
        drip_on(asked)

    def drip_on(asked: Asked) -> None:
        if not asked.peer.closed:
            asked.data(b".", end=False)
            asyncio.get_running_loop().call_later(1.0, drip_on, asked)

    async with http2_server(drip) as server, http2(server.origin) as client:
        assert await seconds_of(client, b"", timeout_s=5.0) == ("NoAnswer", 5.0)


async def test_a_late_answer_to_an_ended_stream_is_nobody_s() -> None:
    async with http2_server(silent) as server, http2(server.origin) as client:
        with pytest.raises(NoAnswer, match="within 1 s"):
            await client.post(b"1", timeout_s=1.0)
        server.requests[0].answer(200, b"late")
        server.behave = echoing
        assert (await client.post(b"2")).body == b"2"
        assert len(server.peers) == 1


async def test_what_a_goaway_owns_is_no_answer_once_its_time_is_over() -> None:
    def leave(asked: Asked) -> None:
        asked.peer.write(h2.goaway(asked.stream_id))

    async with http2_server(leave) as server, http2(server.origin) as client:
        with pytest.raises(NoAnswer, match="within 5 s"):
            await client.post(timeout_s=5.0)
        await CLOCK.sleep(0.1)
        assert server.peers[0].closed
        assert len(server.requests) == 1


async def test_nothing_is_sent_to_a_server_that_never_says_how_many_streams_it_takes() -> None:
    def nothing(_: Http2Peer) -> None:
        return None

    async with http2_server(echoing, greet=nothing) as server, http2(server.origin) as client:
        assert await seconds_of(client, b"1", timeout_s=5.0) == ("NotSent", 3.1)
        assert server.begun == 0


async def test_what_waits_longer_for_a_stream_than_it_may_is_not_sent() -> None:
    """It would go out with no time left for its answer."""
    async with http2_server(silent, greet=ONE) as server, http2(server.origin) as client:
        first = client.start(b"first")
        asked = await server.asked.get()
        with pytest.raises(NotSent, match=r"no connection or stream within 0\.75 s"):
            await client.post(b"too late", timeout_s=1.0)
        asked.answer()
        assert kinds(await first) == ["200"]
        server.behave = echoing
        await client.post(b"next")
        assert server.bodies == [b"first", b"next"]


async def test_what_the_window_does_not_take_waits_whole_and_is_not_sent() -> None:
    """Half a request on the wire would be in doubt for nothing."""
    async with http2_server(silent) as server, http2(server.origin) as client:
        server.gives_window = False
        answers = await client.post_all([b"x" * 10_000] * 9, timeout_s=1.0)
        assert kinds(answers) == ["NoAnswer"] * 6 + ["NotSent"] * 3
        assert (server.begun, len(server.requests)) == (6, 6)


async def test_what_waits_for_a_stream_s_window_keeps_its_part_of_the_connection_s() -> None:
    greet = greeting({h2.MAX_CONCURRENT_STREAMS: 10, h2.INITIAL_WINDOW_SIZE: 10})
    async with http2_server(silent, greet=greet) as server, http2(server.origin) as client:
        server.gives_window = False
        answers = await client.post_all([b"x" * 30_000] * 4, timeout_s=5.0)
        assert kinds(answers) == ["NoAnswer"] * 2 + ["NotSent"] * 2
        assert server.begun == 2


async def test_answers_to_a_thousand_requests_do_not_wait_for_each_other_s_window() -> None:
    async with http2_server(echoing) as server, http2(server.origin) as client:
        await client.post()
        updates = [
            frame.number for frame in server.frames if (frame.kind, frame.stream_id) == (h2.WINDOW_UPDATE, 0)
        ]
        assert 65_535 + sum(updates) == 2**20


async def test_large_bodies_run_side_by_side_where_the_window_takes_them() -> None:
    greet = greeting({h2.MAX_CONCURRENT_STREAMS: 10, h2.INITIAL_WINDOW_SIZE: 2**20})
    async with http2_server(echoing, greet=greet) as server, http2(server.origin) as client:
        await client.post(b"connected")
        server.peers[0].write(h2.window_update(0, 2**20))
        await CLOCK.sleep(0.1)
        server.behave, server.gives_window = silent, False
        await client.post_all([b"x" * 100_000] * 3, timeout_s=5.0)
        assert len(server.requests) == 4


async def test_no_other_connection_is_opened_before_the_first_has_answered() -> None:
    """APNs takes one stream of a new connection: more of them would each take one, for nothing."""
    async with http2_server(silent, greet=ONE) as server, http2(server.origin, connections_max=3) as client:
        assert kinds(await client.post_all([b"1", b"2", b"3"], timeout_s=5.0)) == [
            "NoAnswer",
            "NotSent",
            "NotSent",
        ]
        assert len(server.peers) == 1


async def test_a_connection_that_is_dead_takes_no_request_after_its_silence() -> None:
    async with http2_server(echoing) as server, http2(server.origin) as client:
        await client.post(b"alive")
        server.peers[0].deaf = True
        await CLOCK.sleep(10.0)
        assert await seconds_of(client, b"next", timeout_s=5.0) == ("200", 1.5)
        assert server.bodies == [b"alive", b"next"]
        assert server.begun == 2
        await CLOCK.sleep(0.1)
        assert server.peers[0].closed


async def test_a_dead_connection_takes_no_more_than_its_streams_once() -> None:
    greet = greeting({h2.MAX_CONCURRENT_STREAMS: 10})
    async with http2_server(echoing, greet=greet) as server, http2(server.origin) as client:
        await client.post(b"alive")
        server.peers[0].deaf = True
        batches = [kinds(await client.post_all([b"x"] * 20, timeout_s=5.0)) for _ in range(5)]
        assert batches == [["NoAnswer"] * 10 + ["NotSent"] * 10, *[["200"] * 20] * 4]


async def test_a_connection_that_shows_that_it_lives_is_kept() -> None:
    async with http2_server(echoing) as server, http2(server.origin, connections_max=2) as client:
        for _ in range(3):
            await client.post()
            await CLOCK.sleep(6.0)
        assert pings(server.frames) == 2
        assert len(server.peers) == 1


async def test_an_idle_connection_is_kept_alive() -> None:
    async with http2_server(echoing) as server, http2(server.origin) as client:
        await client.post()
        await CLOCK.sleep(305.0)
        assert 4 <= pings(server.frames) <= 5
        assert len(server.peers) == 1


async def test_an_idle_connection_that_is_dead_is_closed() -> None:
    async with http2_server(echoing) as server, http2(server.origin) as client:
        await client.post()
        server.peers[0].deaf = True
        await CLOCK.sleep(125.0)
        assert server.peers[0].closed


async def test_what_runs_on_a_connection_that_turns_silent_may_still_be_answered() -> None:
    async with http2_server(silent) as server, http2(server.origin) as client:
        slow = client.start(b"slow", timeout_s=20.0)
        stream = await server.asked.get()
        stream.peer.deaf = True
        await CLOCK.sleep(6.0)
        server.behave = echoing
        assert (await client.post(b"quick")).body == b"quick"
        stream.answer(200, b"late")
        assert kinds(await slow) == ["200"]
        assert server.bodies == [b"slow", b"quick"]
        assert [asked.peer for asked in server.requests] == server.peers


async def test_a_server_that_sends_everybody_away_is_called_less_and_less() -> None:
    def away(peer: Http2Peer) -> None:
        greeting()(peer)
        peer.write(h2.goaway(0))

    async with http2_server(echoing, greet=away) as server, http2(server.origin) as client:
        for _ in range(100):
            with pytest.raises(NotSent):
                await client.post(timeout_s=5.0)
            await CLOCK.sleep(1.0)
        # Pauses of half a ceiling that doubles from 0.1 to 30 s: without them some thousand.
        assert 5 <= len(server.peers) <= 30
        assert server.begun == 0


async def test_tries_to_connect_are_further_and_further_apart_and_no_request_waits_in_vain() -> None:
    tries_s: list[float] = []

    def refuse() -> asyncio.Protocol:
        tries_s.append(CLOCK.elapsed_s())
        raise ConnectionRefusedError(111, "Connection refused")

    loop = asyncio.get_running_loop()
    assert isinstance(loop, MemoryLoop)
    loop.serve = refuse
    reasons = set()
    async with http2("https://push.example") as client:
        while CLOCK.elapsed_s() < 600.0:
            with pytest.raises(NotSent) as refused:
                await client.post(timeout_s=5.0)
            reasons.add(str(refused.value).split(": ", 1)[1][:20])
            await CLOCK.sleep(0.5)
    pauses_s = [later - earlier for earlier, later in pairwise(tries_s)]
    # Full jitter: anything up to the ceiling, and a request only comes by now and then to start the try.
    assert max(pauses_s[:3]) < 2.0
    assert 5.0 < max(pauses_s) < 32.0
    assert reasons == {"ConnectionRefusedErr", "the next try to conn"}


async def test_what_waits_for_a_stream_goes_on_waiting_when_no_other_connection_can_be_opened() -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, MemoryLoop)
    nobody = loop.serve
    async with (
        http2_server(echoing, greet=ONE) as server,
        http2(server.origin, connections_max=2) as client,
    ):
        await client.post(b"answered")
        loop.serve, server.behave = nobody, silent
        asked = client.start(b"1", b"2", timeout_s=5.0)
        await CLOCK.sleep(2.0)
        server.behave = echoing
        server.requests[-1].answer()
        assert kinds(await asked) == ["200", "200"]
        assert len(server.peers) == 1


async def test_a_server_that_is_back_is_used_again_and_forgiven() -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, MemoryLoop)
    nobody = loop.serve
    async with http2_server(echoing) as server, http2(server.origin) as client:
        there, loop.serve = loop.serve, nobody
        for _ in range(20):
            assert kinds(await client.post_all([b""], timeout_s=5.0)) == ["NotSent"]
            await CLOCK.sleep(1.0)
        loop.serve = there
        await CLOCK.sleep(30.0)
        assert (await client.post(b"back")).body == b"back"
        server.peers[0].transport.close()
        await CLOCK.sleep(0.1)
        assert await seconds_of(client, b"at once", timeout_s=5.0) == ("200", 0.0)
        loop.serve = nobody
        server.peers[1].transport.close()
        await CLOCK.sleep(0.1)
        assert await seconds_of(client, b"away", timeout_s=5.0) == ("NotSent", 0.0)
        loop.serve = there
        kind, seconds = await seconds_of(client, b"after the first pause", timeout_s=5.0)
        assert kind == "200"
        assert seconds <= 0.1


async def test_a_peer_that_asks_and_does_not_read_cannot_make_us_hoard_answers() -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, MemoryLoop)
    async with http2_server(echoing) as server, http2(server.origin) as client:
        await client.post()
        [near] = loop.near
        near.congest()
        before = near.writes
        for _ in range(10):
            server.peers[0].write(h2.frame(h2.PING, payload=b"answer!!") * 300)
            await CLOCK.sleep(0.1)
        assert near.writes == before
        assert near.is_closing()


async def test_a_closed_transport_leaves_no_timer_behind() -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, MemoryLoop)
    async with http2_server(echoing) as server, http2(server.origin) as client:
        await client.post()
    assert [timer for timer in loop.timers() if not timer.cancelled()] == []


async def test_requests_of_one_turn_of_the_loop_leave_in_one_write_whoever_sends_them() -> None:
    greet = greeting({h2.MAX_CONCURRENT_STREAMS: 1000})
    loop = asyncio.get_running_loop()
    assert isinstance(loop, MemoryLoop)
    async with http2_server(echoing, greet=greet) as server, http2(server.origin) as client:
        await client.post()
        before = loop.near[0].writes
        await asyncio.gather(*(client.post(b"x" * 100) for _ in range(60)))
        assert loop.near[0].writes == before + 1
