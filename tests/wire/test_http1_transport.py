"""What the own client keeps beyond the port's contract: its pool, and no word of one answer in another."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing

import pytest

from notifyd.errors import NoAnswer, NotSent
from notifyd.wire.tls import client_context
from notifyd.wire.transport import Request, Response
from notifyd.wire.transport_http1 import Http1Transport
from tests.support.deadlines import NOT_SENT_S
from tests.support.hostile_server import (
    Exchange,
    answer,
    answering,
    hostile_server,
    never_answering,
)
from tests.support.loopback_tls import CERTIFICATE, server_context

LONG_S = 10.0


@asynccontextmanager
async def http1(*, connections_max: int = 1, keep_alive_s: float = 15.0) -> AsyncIterator[Http1Transport]:
    transport = Http1Transport(
        client_context(CERTIFICATE), connections_max=connections_max, keep_alive_s=keep_alive_s
    )
    yield transport
    await transport.close()


async def post(transport: Http1Transport, url: str, body: bytes = b"", *, timeout_s: float = LONG_S) -> Response:
    return await transport.send(Request("POST", url, {}, body), timeout_s=timeout_s)


class Gate:
    """Answers each request with its own body, when it is let through."""

    def __init__(self) -> None:
        self.arrived: asyncio.Queue[bytes] = asyncio.Queue()
        self.open = asyncio.Event()

    async def __call__(self, exchange: Exchange) -> None:
        self.arrived.put_nowait(exchange.body)
        await self.open.wait()
        await exchange.write(answer(body=exchange.body))


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(LONG_S):
        while not holds():
            await asyncio.get_running_loop().run_in_executor(None, int)


async def test_each_caller_gets_its_own_answer_over_no_more_connections_than_are_allowed() -> None:
    async def echo(exchange: Exchange) -> None:
        await exchange.write(answer(body=exchange.body))

    bodies = [b"%d" % number for number in range(200)]
    async with hostile_server(echo) as server, http1(connections_max=4) as transport:
        answers = await asyncio.gather(*(post(transport, server.url, body) for body in bodies))
        assert [given.body for given in answers] == bodies
        assert server.connections == 4


async def test_who_waits_for_a_connection_is_served_in_turn() -> None:
    gate = Gate()
    async with hostile_server(gate) as server, http1() as transport, asyncio.TaskGroup() as group:
        for number in range(5):
            group.create_task(post(transport, server.url, b"%d" % number))
        assert await gate.arrived.get() == b"0"
        gate.open.set()
        assert [await gate.arrived.get() for _ in range(4)] == [b"1", b"2", b"3", b"4"]


async def test_who_gives_up_waiting_leaves_the_turn_to_the_next() -> None:
    gate = Gate()
    async with hostile_server(gate) as server, http1() as transport:
        first = asyncio.create_task(post(transport, server.url, b"first"))
        await gate.arrived.get()
        given_up = asyncio.create_task(post(transport, server.url, b"given up"))
        with pytest.raises(NotSent, match="no connection within"):
            await post(transport, server.url, b"too late", timeout_s=NOT_SENT_S)
        last = asyncio.create_task(post(transport, server.url, b"last"))
        given_up.cancel()
        gate.open.set()
        assert [(await first).body, (await last).body] == [b"first", b"last"]
        assert [exchange.body for exchange in server.requests] == [b"first", b"last"]


async def test_who_is_cancelled_as_its_turn_comes_leaves_it_to_the_next() -> None:
    gate = Gate()
    async with hostile_server(gate) as server, http1() as transport:
        second: asyncio.Task[Response] | None = None

        async def ask_then_cancel_the_second() -> None:
            await post(transport, server.url, b"first")
            assert second is not None
            second.cancel()  # its turn has come, and it has not run since

        first = asyncio.create_task(ask_then_cancel_the_second())
        await gate.arrived.get()
        second = asyncio.create_task(post(transport, server.url, b"second"))
        third = asyncio.create_task(post(transport, server.url, b"third"))
        gate.open.set()
        await first
        assert (await third).body == b"third"
        assert second.cancelled()


async def test_a_cancelled_caller_s_connection_is_closed_and_its_place_free() -> None:
    gate = Gate()
    async with hostile_server(gate) as server, http1() as transport:
        cancelled = asyncio.create_task(post(transport, server.url, b"cancelled"))
        await gate.arrived.get()
        cancelled.cancel()
        next_one = asyncio.create_task(post(transport, server.url, b"next"))
        assert await gate.arrived.get() == b"next"
        gate.open.set()
        assert (await next_one).body == b"next"
        await until(lambda: server.serving == 1)


async def test_a_connection_that_was_not_made_leaves_its_place_free() -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening
        refusing = f"http://127.0.0.1:{taken.getsockname()[1]}"
        async with hostile_server(answering(answer())) as server, http1() as transport:
            for _ in range(2):
                with pytest.raises(NotSent, match="Refused"):
                    await post(transport, refusing)
            assert (await post(transport, server.url)).status == 200


async def test_the_connection_used_last_is_used_next_so_that_spare_ones_grow_old() -> None:
    async with hostile_server(answering(answer())) as server, http1(connections_max=3) as transport:
        await asyncio.gather(*(post(transport, server.url) for _ in range(3)))
        for _ in range(4):
            await post(transport, server.url)
        assert server.connections == 3
        assert len({exchange._writer for exchange in server.requests[3:]}) == 1


async def test_an_old_connection_is_not_used_again() -> None:
    async with hostile_server(answering(answer())) as server, http1(keep_alive_s=0.0) as transport:
        await post(transport, server.url)
        await post(transport, server.url)
        assert server.connections == 2


async def test_an_old_connection_is_closed_though_nobody_asks() -> None:
    async with hostile_server(answering(answer())) as server, http1(keep_alive_s=0.01) as transport:
        await post(transport, server.url)
        await until(lambda: server.serving == 0)


async def test_bytes_that_nobody_asked_for_close_the_connection_at_once() -> None:
    strays = asyncio.Event()

    async def stray(exchange: Exchange) -> None:
        await exchange.write(answer())
        await strays.wait()
        await exchange.write(answer(body=b"stray"))

    async with hostile_server(stray) as server, http1() as transport:
        await post(transport, server.url)
        strays.set()
        await until(lambda: server.serving == 0)


async def test_an_end_that_the_loop_has_not_seen_yet_is_no_lost_request() -> None:
    """Between two rounds of the loop a kept connection's end is known to the kernel alone."""
    ended = asyncio.Event()

    async def answer_and_end(exchange: Exchange) -> None:
        await exchange.write(answer())
        exchange.close()
        ended.set()

    async with hostile_server(answer_and_end) as server, http1() as transport:
        for number in range(1, 20):
            await post(transport, server.url)
            await ended.wait()
            ended.clear()
            assert len(server.requests) == number


async def test_an_answer_before_the_whole_request_leaves_nothing_in_the_next_one_s_way() -> None:
    async def refuse_unread(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        await asked.wait()
        writer.write(answer(413))

    connections: list[asyncio.StreamWriter] = []
    asked = asyncio.Event()
    listener = await asyncio.start_server(refuse_unread, "127.0.0.1", 0, limit=1)
    url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    async with http1() as transport:
        for number in (1, 2):
            large = asyncio.create_task(post(transport, url, b"x" * 16_000_000))
            await until(lambda number=number: len(connections) == number)  # type: ignore[misc]
            asked.set()
            assert (await large).status == 413
    for connection in connections:
        connection.close()
    listener.close()
    await listener.wait_closed()


async def test_interim_answers_are_passed_over() -> None:
    sent = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + answer(202)
    async with hostile_server(answering(sent)) as server, http1() as transport:
        first = await post(transport, server.url)
        assert (first.status, "link" in first.headers) == (202, False)
        await post(transport, server.url)
        assert server.connections == 1


async def test_kept_connections_of_one_origin_make_way_for_another_s() -> None:
    async with (
        hostile_server(answering(answer())) as one,
        hostile_server(answering(answer())) as other,
        http1(connections_max=2) as transport,
    ):
        await asyncio.gather(post(transport, one.url), post(transport, one.url))
        await asyncio.gather(post(transport, other.url), post(transport, other.url))
        await until(lambda: one.serving == 0)
        assert other.serving == 2


async def test_connections_over_tls_are_kept_and_speak_http_1_1_alone() -> None:
    tls = server_context()
    tls.set_alpn_protocols(["h2", "http/1.1"])
    large = answer(body=b"x" * 500_000)
    async with hostile_server(answering(large), tls=tls) as server, http1() as transport:
        for _ in range(3):
            assert len((await post(transport, server.url, b"y" * 500_000)).body) == 500_000
        assert (server.connections, server.requests[0].alpn) == (1, "http/1.1")


async def test_a_tls_connection_that_ends_within_an_answer_gave_none() -> None:
    async def cut(exchange: Exchange) -> None:
        await exchange.write(answer(body=b"x" * 100)[:-1])
        exchange.close()

    async with hostile_server(cut, tls=server_context()) as server, http1() as transport:
        with pytest.raises(NoAnswer, match="before the whole answer"):
            await post(transport, server.url)


async def test_closing_ends_what_is_under_way_and_what_waits() -> None:
    async with hostile_server(never_answering) as server, http1() as transport:
        asked = asyncio.create_task(post(transport, server.url))
        await until(lambda: len(server.requests) == 1)
        waits = asyncio.create_task(post(transport, server.url))
        await until(lambda: len(asyncio.all_tasks()) >= 3)
        await transport.close()
        with pytest.raises(NoAnswer, match="closed"):
            await asked
        with pytest.raises(NotSent, match="closed"):
            await waits
        assert server.connections == 1


async def test_closing_ends_what_connects() -> None:
    async with hostile_server(never_answering) as server, http1() as transport:
        connects = asyncio.create_task(post(transport, server.url))
        await asyncio.wait([connects], timeout=0)
        await transport.close()
        with pytest.raises(NotSent, match="closed"):
            await connects
        assert server.requests == []


@pytest.mark.parametrize(
    "request_",
    [
        Request("POST", "http://127.0.0.1:1/secret", {"a": "secret\r\nb: c"}),
        Request("POST", "gopher://secret/", {}),
    ],
)
async def test_what_cannot_be_written_is_not_sent(request_: Request) -> None:
    async with http1() as transport:
        with pytest.raises(NotSent) as refused:
            await transport.send(request_, timeout_s=LONG_S)
        assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "large",
    [
        b"HTTP/1.1 204 X\r\nContent-Length: 5000\r\n\r\n",
        b"HTTP/1.1 404 X\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000,
        b"HTTP/1.1 404 X\r\nTransfer-Encoding: chunked\r\n\r\n1388\r\n",
        b"HTTP/1.1 404 X\r\n\r\n" + b"x" * 5000,
    ],
)
async def test_where_the_status_is_enough_a_large_answer_loses_its_body_alone(large: bytes) -> None:
    async with hostile_server(answering(large)) as server:
        transport = Http1Transport(client_context(), answer_bytes_max=4096, drops_large=True)
        answers = [await post(transport, server.url) for _ in range(2)]
        assert {given.body for given in answers} == {b""}
        assert {given.status for given in answers} == {int(large[9:12])}
        await transport.close()
