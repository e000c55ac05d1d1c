"""What every Transport over HTTP/1.1 keeps, tried against servers that break each part of it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import closing

import pytest

from notifyd.errors import NoAnswer, NotSent, TransportError
from notifyd.wire.proxies import Proxies
from notifyd.wire.tls import client_context
from notifyd.wire.transport import Request, Response, Transport
from notifyd.wire.transport_aiohttp import AiohttpTransport
from notifyd.wire.transport_http1 import Http1Transport
from tests.support.deadlines import NOT_SENT_S
from tests.support.hostile_server import (
    Behaviour,
    Exchange,
    answer,
    answering,
    hostile_server,
    never_answering,
)

LONG_S = 10.0
ANSWER_BYTES_MAX = 1000
DIRECT = Proxies({})


@pytest.fixture(params=["aiohttp", "http1"])
async def transport(request: pytest.FixtureRequest) -> AsyncIterator[Transport]:
    transport: Transport = (
        AiohttpTransport(client_context(), connections_max=1, answer_bytes_max=ANSWER_BYTES_MAX, proxies=DIRECT)
        if request.param == "aiohttp"
        else Http1Transport(client_context(), connections_max=1, answer_bytes_max=ANSWER_BYTES_MAX)
    )
    yield transport
    await transport.close()


async def post(transport: Transport, url: str, *, method: str = "POST", timeout_s: float = LONG_S) -> Response:
    request = Request(method, f"{url}/path", {"content-type": "text/plain"}, b"body")
    return await transport.send(request, timeout_s=timeout_s)


async def closing_without_answer(exchange: Exchange) -> None:
    exchange.close()


async def resetting(exchange: Exchange) -> None:
    exchange.reset()


async def cutting_the_body(exchange: Exchange) -> None:
    await exchange.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")
    exchange.close()


async def cutting_a_chunk(exchange: Exchange) -> None:
    await exchange.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nwo")
    exchange.close()


async def cutting_the_head(exchange: Exchange) -> None:
    await exchange.write(b"HTTP/1.1 200 OK\r\nContent-Le")
    exchange.close()


NO_ANSWERS = {
    "it closes": closing_without_answer,
    "it resets": resetting,
    "it cuts the head": cutting_the_head,
    "it cuts the body": cutting_the_body,
    "it cuts a chunk": cutting_a_chunk,
    "it speaks something else": answering(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
    "it sends a bad length": answering(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n"),
    "it sends a bad chunk": answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
    "its head has no end": answering(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000),
    "its body is too long": answering(answer(body=b"x" * (ANSWER_BYTES_MAX + 1))),
    "its chunks are too long": answering(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + (b"190\r\n" + b"x" * 400 + b"\r\n") * 3
    ),
}


@pytest.mark.parametrize("method", ["POST", "GET", "PUT"])
@pytest.mark.parametrize("behave", NO_ANSWERS.values(), ids=NO_ANSWERS.keys())
async def test_a_broken_answer_is_no_answer_to_exactly_one_request(
    transport: Transport, behave: Behaviour, method: str
) -> None:
    async with hostile_server(behave) as server:
        with pytest.raises(NoAnswer):
            await post(transport, server.url, method=method)
        assert len(server.requests) == 1


@pytest.mark.parametrize("method", ["POST", "GET", "PUT", "DELETE"])
async def test_a_kept_connection_that_turns_out_dead_is_no_answer_and_is_not_tried_again(
    transport: Transport, method: str
) -> None:
    async def answer_once(exchange: Exchange) -> None:
        if exchange.number == 1:
            await exchange.write(answer())
        else:
            exchange.close()

    async with hostile_server(answer_once) as server:
        await post(transport, server.url)
        with pytest.raises(NoAnswer):
            await post(transport, server.url, method=method)
        assert (len(server.requests), server.connections) == (2, 1)


async def test_what_finds_no_free_connection_in_time_is_not_sent(transport: Transport) -> None:
    taken = asyncio.Event()

    async def take(_: Exchange) -> None:
        taken.set()
        await asyncio.Event().wait()

    async with hostile_server(take) as server, asyncio.TaskGroup() as group:
        first = group.create_task(post(transport, server.url))
        await taken.wait()
        with pytest.raises(NotSent):
            await post(transport, server.url, timeout_s=NOT_SENT_S)
        assert len(server.requests) == 1
        first.cancel()


async def test_a_url_that_is_none_is_not_sent(transport: Transport) -> None:
    with pytest.raises(NotSent):
        await post(transport, "http://")


async def test_a_connection_is_kept_for_the_next_request(transport: Transport) -> None:
    async with hostile_server(answering(answer())) as server:
        assert (await post(transport, server.url)).body == b"ok"
        assert (await post(transport, server.url)).body == b"ok"
        assert (len(server.requests), server.connections) == (2, 1)


async def test_connection_close_makes_a_new_one_for_the_next_request(transport: Transport) -> None:
    async def answer_and_close(exchange: Exchange) -> None:
        await exchange.write(answer(Connection="close"))
        exchange.close()

    async with hostile_server(answer_and_close) as server:
        assert (await post(transport, server.url)).body == b"ok"
        assert (await post(transport, server.url)).body == b"ok"
        assert (len(server.requests), server.connections) == (2, 2)


async def test_an_answer_in_chunks_is_put_together(transport: Transport) -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
    async with hostile_server(answering(chunked)) as server:
        assert (await post(transport, server.url)).body == b"hello world"


async def test_an_answer_that_ends_with_the_connection_is_whole(transport: Transport) -> None:
    async def answer_until_end(exchange: Exchange) -> None:
        await exchange.write(b"HTTP/1.1 200 OK\r\n\r\nhello")
        exchange.close()

    async with hostile_server(answer_until_end) as server:
        assert (await post(transport, server.url)).body == b"hello"


async def test_the_caller_s_headers_alone_go_out_and_no_cookie_comes_back(transport: Transport) -> None:
    async with hostile_server(answering(answer(Set_Cookie="a=b", X_Amzn_RequestId="42"))) as server:
        first = await post(transport, server.url)
        await post(transport, server.url)
        names = [
            {line.partition(":")[0].lower() for line in exchange.head.split("\r\n")[1:] if line}
            for exchange in server.requests
        ]
    assert names == [{"host", "content-type", "content-length"}] * 2
    assert first.headers["x-amzn-requestid"] == "42"


async def test_a_compressed_answer_comes_as_it_was_sent(transport: Transport) -> None:
    async with hostile_server(answering(answer(body=b"\x1f\x8bnot gzip", Content_Encoding="gzip"))) as server:
        assert (await post(transport, server.url)).body == b"\x1f\x8bnot gzip"


async def test_a_second_answer_nobody_asked_for_is_not_the_next_request_s(transport: Transport) -> None:
    async def answer_twice(exchange: Exchange) -> None:
        await exchange.write(answer(body=b"%d" % exchange.number) + answer(body=b"stray"))

    async with hostile_server(answer_twice) as server:
        assert (await post(transport, server.url)).body == b"1"
        assert (await post(transport, server.url)).body == b"2"


async def test_a_stray_answer_that_comes_late_is_not_the_next_request_s(transport: Transport) -> None:
    go_on = asyncio.Event()
    strayed = asyncio.Event()

    async def answer_twice(exchange: Exchange) -> None:
        await exchange.write(answer(body=b"%d" % exchange.number))
        await go_on.wait()
        await exchange.write(answer(body=b"stray"))
        strayed.set()

    async with hostile_server(answer_twice) as server, hostile_server(never_answering) as other:
        assert (await post(transport, server.url)).body == b"1"
        go_on.set()
        await strayed.wait()
        with closing(socket.socket()) as seen:  # a round trip through the loop: the stray bytes were there before
            seen.setblocking(False)
            await asyncio.get_running_loop().sock_connect(seen, ("127.0.0.1", int(other.url.rpartition(":")[2])))
            await other.connected.wait()
        assert (await post(transport, server.url)).body == b"2"


async def test_no_error_tells_the_path(transport: Transport) -> None:
    """The path of a push subscription or webhook is a secret, and errors end in logs."""
    errors: list[TransportError] = []
    async with hostile_server(answering(b"garbage\r\n\r\n")) as server:
        for url in (server.url, "http://nobody.invalid", "http://"):
            try:
                await transport.send(Request("POST", f"{url}/hidden-token", {"a": "hidden-key"}), timeout_s=LONG_S)
            except TransportError as error:
                errors.append(error)
    assert len(errors) == 3
    assert not any("hidden" in str(error) for error in errors)
    assert all(error.__suppress_context__ or error.__context__ is None for error in errors)
