"""Which of the three answers a request gets when the other side refuses, resets, leaves or falls silent."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from notifyd.errors import NoAnswer, NotSent
from notifyd.wire.transport import Answer
from tests.support import http2_frames as h2
from tests.support.http2_client import LONG_S, http2, kinds, until
from tests.support.http2_server import Asked, echoing, greeting, http2_server, silent


async def test_each_request_of_a_batch_gets_its_own_answer_in_order() -> None:
    bodies = [b"%d" % number for number in range(300)]
    async with http2_server(echoing) as server, http2(server.origin) as client:
        answers = await client.post_all(bodies)
        assert [getattr(answer, "body", answer) for answer in answers] == bodies
        assert len(server.peers) == 1


async def test_an_empty_batch_is_answered_at_once() -> None:
    async with http2("https://127.0.0.1:1") as client:
        assert await client.post_all([]) == []


async def test_what_a_goaway_disowns_is_not_sent_and_what_it_owns_is_read_to_its_end() -> None:
    def leave_after_four(asked: Asked) -> None:
        if asked.number == 4:
            asked.peer.write(h2.goaway(server.requests[1].stream_id))
            for earlier in server.requests[:2]:
                earlier.answer(200, earlier.body)

    async with http2_server(leave_after_four) as server, http2(server.origin) as client:
        assert kinds(await client.post_all([b"1", b"2", b"3", b"4"])) == ["200", "200", "NotSent", "NotSent"]
        await until(lambda: server.peers[0].closed)
        assert len(server.requests) == 4


async def test_after_a_goaway_the_next_request_goes_over_a_new_connection() -> None:
    def answer_and_leave(asked: Asked) -> None:
        asked.answer(200, asked.body)
        asked.peer.write(h2.goaway(asked.stream_id))

    async with http2_server(answer_and_leave) as server, http2(server.origin) as client:
        for number in range(3):
            assert (await client.post(b"%d" % number)).body == b"%d" % number
        assert server.bodies == [b"0", b"1", b"2"]
        assert len(server.peers) == 3


async def test_a_notice_of_shutdown_disowns_nothing() -> None:
    def give_notice(asked: Asked) -> None:
        asked.peer.write(h2.goaway(h2.EVERY_STREAM))

    async with http2_server(give_notice) as server, http2(server.origin) as client:
        first = client.start(b"first")
        asked = await server.asked.get()
        server.behave = echoing
        assert (await client.post(b"second")).body == b"second"
        assert len(server.peers) == 2
        asked.answer(200, b"late")
        [answer] = await first
        assert getattr(answer, "body", answer) == b"late"


async def test_a_goaway_s_reason_is_told() -> None:
    def leave(asked: Asked) -> None:
        asked.peer.write(h2.goaway(0, h2.ENHANCE_YOUR_CALM, b'{"reason":"Shutdown"}'))

    async with http2_server(leave) as server, http2(server.origin) as client:
        with pytest.raises(NotSent, match=r"ENHANCE_YOUR_CALM.*Shutdown"):
            await client.post()


async def test_what_a_goaway_owns_is_no_answer_once_the_connection_ends() -> None:
    def leave(asked: Asked) -> None:
        asked.peer.write(h2.goaway(asked.stream_id))
        asked.peer.transport.close()

    async with http2_server(leave) as server, http2(server.origin) as client:
        with pytest.raises(NoAnswer, match="connection was"):
            await client.post()
        assert len(server.requests) == 1


async def test_a_stream_that_was_begun_to_be_answered_cannot_be_disowned() -> None:
    def contradict(asked: Asked) -> None:
        asked.head(200)
        asked.peer.write(h2.goaway(0))

    async with http2_server(contradict) as server, http2(server.origin) as client:
        with pytest.raises(NoAnswer, match="begun to answer"):
            await client.post()


async def test_a_refused_stream_is_not_sent_and_the_connection_good() -> None:
    def refuse_the_odd(asked: Asked) -> None:
        if asked.number % 2:
            asked.reset(h2.REFUSED_STREAM)
        else:
            asked.answer()

    async with http2_server(refuse_the_odd) as server, http2(server.origin) as client:
        assert kinds(await client.post_all([b""] * 6)) == ["NotSent", "200"] * 3
        assert (len(server.requests), len(server.peers)) == (6, 1)


async def test_a_stream_that_was_begun_to_be_answered_cannot_be_refused() -> None:
    def contradict(asked: Asked) -> None:
        asked.head(200)
        asked.reset(h2.REFUSED_STREAM)

    async with http2_server(contradict) as server, http2(server.origin) as client:
        with pytest.raises(NoAnswer, match="begun to answer"):
            await client.post()


@pytest.mark.parametrize(
    "code", [h2.NO_ERROR, h2.PROTOCOL_ERROR, h2.INTERNAL_ERROR, h2.CANCEL, h2.ENHANCE_YOUR_CALM, 0xBEEF]
)
@pytest.mark.parametrize("begun", [False, True], ids=["at once", "after a head and a part"])
async def test_any_other_reset_is_no_answer_to_one_request(code: int, *, begun: bool) -> None:
    def reset(asked: Asked) -> None:
        if begun:
            asked.answer(200, b"a part", end=False)
        asked.reset(code)

    async with http2_server(reset) as server, http2(server.origin) as client:
        with pytest.raises(NoAnswer, match="stream ended"):
            await client.post()
        server.behave = echoing
        assert (await client.post(b"next")).body == b"next"
        assert (len(server.requests), len(server.peers)) == (2, 1)


@pytest.mark.parametrize("how", ["close", "abort"])
async def test_a_lost_connection_is_no_answer_to_what_went_out_and_the_rest_goes_over_the_next(how: str) -> None:
    def lose(asked: Asked) -> None:
        server.behave = echoing
        getattr(asked.peer.transport, how)()

    async with (
        http2_server(lose, greet=greeting({h2.MAX_CONCURRENT_STREAMS: 1})) as server,
        http2(server.origin) as client,
    ):
        assert kinds(await client.post_all([b"1", b"2", b"3"])) == ["NoAnswer", "200", "200"]
        assert server.bodies == [b"1", b"2", b"3"]


async def test_an_answer_that_came_whole_before_the_connection_broke_counts() -> None:
    def answer_then_break(asked: Asked) -> None:
        if asked.number == 2:
            server.requests[0].answer(200, b"whole")
            asked.answer(200, b"a part", end=False)
            asked.peer.transport.write(b"\xff" * 64)

    async with http2_server(answer_then_break) as server, http2(server.origin) as client:
        assert kinds(await client.post_all([b"1", b"2"])) == ["200", "NoAnswer"]


async def test_an_answer_that_came_whole_together_with_more_than_is_taken_counts() -> None:
    def answer_then_flood(asked: Asked) -> None:
        if asked.number == 2:
            block = asked.peer.encode([(":status", "200")])
            whole = h2.frame(h2.HEADERS, server.requests[0].stream_id, block, flags=h2.END_HEADERS | h2.END_STREAM)
            flood = asked.peer.encode([(":status", "200"), *((f"x-{number}", "y") for number in range(200))])
            asked.peer.transport.write(whole + h2.frame(h2.HEADERS, asked.stream_id, flood, flags=h2.END_HEADERS))

    async with http2_server(answer_then_flood) as server, http2(server.origin) as client:
        assert kinds(await client.post_all([b"1", b"2"])) == ["200", "NoAnswer"]


async def test_a_protocol_that_the_other_side_breaks_is_no_answer_to_all_that_runs() -> None:
    def promise(asked: Asked) -> None:  # pushes were switched off
        block = asked.peer.encode([(":method", "GET"), (":scheme", "https"), (":authority", "a"), (":path", "/")])
        promised = h2.frame(h2.PUSH_PROMISE, asked.stream_id, (2).to_bytes(4) + block, flags=h2.END_HEADERS)
        asked.peer.write(promised)

    async with http2_server(promise) as server, http2(server.origin) as client:
        assert kinds(await client.post_all([b"1", b"2"])) == ["NoAnswer", "NoAnswer"]
        await until(lambda: server.peers[0].closed)


@pytest.mark.parametrize("method", ["POST", "GET", "PUT", "DELETE"])
async def test_no_method_is_ever_sent_twice(method: str) -> None:
    def lose(asked: Asked) -> None:
        asked.peer.transport.abort()

    async with http2_server(lose) as server:
        async with http2(server.origin) as client:
            request = client.request(b"")
            request.method = method
            with pytest.raises(NoAnswer):
                await client.transport.send(request, timeout_s=LONG_S)
        assert (len(server.requests), len(server.peers)) == (1, 1)


async def test_one_bad_request_of_a_batch_is_not_sent_and_the_others_are() -> None:
    async with http2_server(silent) as server, http2(server.origin) as client:
        server.behave = echoing
        requests = [client.request(b"1"), client.request(b"2"), client.request(b"3")]
        requests[1].headers["a"] = "b\r\nc: d"
        answers = await client.transport.send_all(requests, timeout_s=LONG_S)
        assert kinds(answers) == ["200", "NotSent", "200"]
        assert server.bodies == [b"1", b"3"]


async def test_headers_larger_than_any_server_takes_are_not_sent_and_the_connection_is_good() -> None:
    async with http2_server(echoing) as server, http2(server.origin) as client:
        huge = client.request(b"1")
        huge.headers["x-huge"] = "x" * 100_000
        answers = await client.transport.send_all([huge, client.request(b"2")], timeout_s=LONG_S)
        assert kinds(answers) == ["NotSent", "200"]
        assert (await client.post(b"3")).body == b"3"
        assert (server.bodies, len(server.peers)) == ([b"2", b"3"], 1)


async def test_answers_are_heard_of_while_another_one_of_the_batch_is_waited_for() -> None:
    """Each once, and in the end all are there."""
    heard: dict[int, Answer] = {}
    first: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def hear(answers: Sequence[tuple[int, Answer]]) -> None:
        assert not heard.keys() & {place for place, _ in answers}
        heard.update(answers)
        if len(heard) == 99:
            first.set_result(None)

    def answer_all_but_the_third(asked: Asked) -> None:
        if asked.number != 3:
            asked.answer(200, asked.body)

    async with http2_server(answer_all_but_the_third) as server, http2(server.origin) as client:
        requests = [client.request(b"%d" % place) for place in range(100)]
        sent = asyncio.create_task(client.transport.send_all(requests, timeout_s=LONG_S, hear=hear))
        async with asyncio.timeout(LONG_S / 2):
            await first
        assert not sent.done()
        assert 2 not in heard
        server.requests[2].answer(200, b"2")
        answers = await sent
        assert [getattr(answer, "body", answer) for answer in answers] == [b"%d" % place for place in range(100)]
        assert all(answers[place] is answer for place, answer in heard.items())


async def test_whoever_fails_to_hear_ends_his_own_streams_alone() -> None:
    def fail(_: Sequence[tuple[int, Answer]]) -> None:
        raise LookupError

    def answer_the_first(asked: Asked) -> None:
        if asked.number != 2:
            asked.answer(200, asked.body)

    async with http2_server(answer_the_first) as server, http2(server.origin) as client:
        requests = [client.request(b"1"), client.request(b"2")]
        with pytest.raises(LookupError):
            await client.transport.send_all(requests, timeout_s=LONG_S, hear=fail)
        assert (await client.post(b"3")).body == b"3"
        assert len(server.peers) == 1
