"""What of an answer counts, and how large it may be."""

from __future__ import annotations

import pytest

from notifyd.errors import NoAnswer
from notifyd.wire.http2_limits import Http2Limits
from tests.support import http2_frames as h2
from tests.support.deadlines import NO_ANSWER_S
from tests.support.http2_client import LONG_S, http2, kinds, until
from tests.support.http2_server import Asked, echoing, http2_server


async def test_status_headers_and_body_come_as_they_were_sent() -> None:
    def answer(asked: Asked) -> None:
        asked.answer(410, b'{"reason":"Unregistered"}', apns_id="42", x_empty="")

    async with http2_server(answer) as server, http2(server.origin) as client:
        response = await client.post()
        assert (response.status, response.body) == (410, b'{"reason":"Unregistered"}')
        assert response.headers == {"apns-id": "42", "x-empty": ""}


async def test_a_header_that_comes_twice_is_one() -> None:
    def answer(asked: Asked) -> None:
        block = asked.peer.encode([(":status", "200"), ("a", "1"), ("a", "2")])
        flags = h2.END_HEADERS | h2.END_STREAM
        asked.peer.write(h2.frame(h2.HEADERS, asked.stream_id, block, flags=flags))

    async with http2_server(answer) as server, http2(server.origin) as client:
        assert (await client.post()).headers == {"a": "1, 2"}


async def test_the_caller_s_headers_alone_go_out() -> None:
    async with http2_server(echoing) as server, http2(server.origin) as client:
        await client.post(b"body")
        authority = server.origin.removeprefix("https://")
        assert server.requests[0].headers == {
            ":method": "POST",
            ":scheme": "https",
            ":authority": authority,
            ":path": "/path",
            "content-type": "text/plain",
            "content-length": "4",
        }


async def test_interim_answers_are_passed_over() -> None:
    def answer(asked: Asked) -> None:
        asked.head(100)
        asked.head(103, link="</a>")
        asked.answer(200, b"final")

    async with http2_server(answer) as server, http2(server.origin) as client:
        response = await client.post()
        assert (response.status, response.body, dict(response.headers)) == (200, b"final", {})


async def test_trailers_end_an_answer_and_are_no_headers_of_it() -> None:
    def answer(asked: Asked) -> None:
        asked.answer(200, b"body", end=False)
        asked.fields({"x-checksum": "1"}, end=True)

    async with http2_server(answer) as server, http2(server.origin) as client:
        response = await client.post()
        assert (response.body, dict(response.headers)) == (b"body", {})


async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    def answer(asked: Asked) -> None:
        asked.answer(307, location="/elsewhere")

    async with http2_server(answer) as server, http2(server.origin) as client:
        assert (await client.post()).headers["location"] == "/elsewhere"
        assert len(server.requests) == 1


async def test_a_body_that_is_too_long_is_no_answer_and_ends_its_stream_alone() -> None:
    def answer(asked: Asked) -> None:
        asked.answer(200, b"x" * (101 if asked.number == 1 else 100))

    limits = Http2Limits(answer_bytes_max=100)
    async with http2_server(answer) as server, http2(server.origin, limits=limits) as client:
        assert kinds(await client.post_all([b"1", b"2"])) == ["NoAnswer", "200"]
        assert len(server.peers) == 1


async def test_a_body_that_has_no_end_is_cut_off() -> None:
    def pour(asked: Asked) -> None:
        asked.head(200)
        for _ in range(11):
            asked.data(b"x" * 10, end=False)

    limits = Http2Limits(answer_bytes_max=100)
    async with http2_server(pour) as server, http2(server.origin, limits=limits) as client:
        with pytest.raises(NoAnswer, match="larger than 100 bytes"):
            await client.post()
        await until(lambda: server.resets == [(1, h2.CANCEL)])


BROKEN = {
    "headers without a status": {"a": "b"},
    "a status that is no number": {":status": "abc"},
    "a name in capitals": {":status": "200", "A": "b"},
    "a body of another length": {":status": "200", "content-length": "7"},
    "a header of a connection": {":status": "200", "connection": "close"},
    "a change of protocol": {":status": "101"},
    "more headers than are taken": {":status": "200", **{f"x-{number}": "y" for number in range(200)}},
    "a header larger than is taken": {":status": "200", "x": "y" * 40_000},
}


@pytest.mark.parametrize("fields", BROKEN.values(), ids=BROKEN.keys())
async def test_a_broken_answer_is_no_answer_to_exactly_one_request(fields: dict[str, str]) -> None:
    def answer(asked: Asked) -> None:
        block = asked.peer.encode(list(fields.items()))
        first, rest = block[:16_000], [block[at : at + 16_000] for at in range(16_000, len(block), 16_000)]
        kinds_ = [(h2.HEADERS, first), *((h2.CONTINUATION, part) for part in rest)]
        for number, (kind, part) in enumerate(kinds_, 1):
            flags = h2.END_HEADERS if number == len(kinds_) else 0
            asked.peer.write(h2.frame(kind, asked.stream_id, part, flags=flags))
        asked.data(b"four")

    async with http2_server(answer) as server, http2(server.origin) as client:
        with pytest.raises(NoAnswer):
            await client.post(timeout_s=NO_ANSWER_S)
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "garbage",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0" * 100, h2.frame(h2.DATA, 99, b"x"), h2.frame(h2.SETTINGS, 1)],
    ids=["HTTP/1.1", "zeros", "a stream that is not", "SETTINGS of a stream"],
)
async def test_what_is_no_http_2_is_no_answer_and_the_next_connection_is_good(garbage: bytes) -> None:
    def answer(asked: Asked) -> None:
        server.behave = echoing
        asked.peer.transport.write(garbage)
        asked.peer.transport.close()

    async with http2_server(answer) as server, http2(server.origin) as client:
        with pytest.raises(NoAnswer):
            await client.post()
        assert (await client.post(b"next")).body == b"next"


async def test_no_error_tells_the_path_or_a_header() -> None:
    """The path of a push subscription is a secret, a token even more so, and errors end in logs."""

    def reset(asked: Asked) -> None:
        asked.reset(h2.INTERNAL_ERROR)

    async with http2_server(reset) as server, http2(server.origin) as client:
        good = client.request(b"")
        good.url, good.headers = f"{server.origin}/hidden", {"authorization": "hidden"}
        elsewhere = client.request(b"")
        elsewhere.url = "https://hidden.example/hidden"
        unsendable = client.request(b"")
        unsendable.headers = {"authorization": "hidden\n"}
        nameless = client.request(b"")
        nameless.headers = {"hidden\n": ""}
        answers = await client.transport.send_all([good, elsewhere, unsendable, nameless], timeout_s=LONG_S)
        assert kinds(answers) == ["NoAnswer", "NotSent", "NotSent", "NotSent"]
        assert not any("hidden" in str(answer) for answer in answers)
