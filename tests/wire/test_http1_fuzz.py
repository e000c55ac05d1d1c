"""The long run: servers that send anything, over real connections."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from notifyd.errors import NoAnswer
from notifyd.wire.tls import client_context
from notifyd.wire.transport import Request, Response
from notifyd.wire.transport_http1 import Http1Transport
from tests.support.hostile_server import Exchange, answer, hostile_server
from tests.support.http1_answers import BYTES_MAX, Made, made_answers, parts_of, spoilt_answers

# Some thousand connections, on cores that others use too.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

NewLoop = Callable[[], asyncio.AbstractEventLoop]
TLS = client_context()
LONG_S = 20.0
LAST = answer(body=b"the last one's own")


async def ask(url: str, transport: Http1Transport) -> Response | None:
    try:
        return await transport.send(Request("POST", url, {}, b"body"), timeout_s=LONG_S)
    except NoAnswer as none:
        if "within" in str(none):  # the server has ended: who waits on has not read what came
            raise AssertionError("hung until the deadline") from none
        return None


async def ask_twice(first: list[bytes], *, ends: bool) -> tuple[Response | None, Response | None]:
    """The first request is answered with these parts, the second one as it should be."""

    async def behave(exchange: Exchange) -> None:
        if exchange.number > 1:
            await exchange.write(LAST)
            return
        for part in first:
            await exchange.write(part)
        if ends:
            exchange.close()

    async with hostile_server(behave) as server:
        transport = Http1Transport(TLS, connections_max=1, answer_bytes_max=BYTES_MAX)
        try:
            return await ask(server.url, transport), await ask(server.url, transport)
        finally:
            await transport.close()


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
class TestAnything:
    @settings(max_examples=600)
    @given(st.data(), st.one_of(st.binary(max_size=300), spoilt_answers()))
    def test_whatever_a_server_sends_is_an_answer_or_none_and_the_next_call_is_as_good_as_new(
        self, new_loop: NewLoop, data: st.DataObject, sent: bytes
    ) -> None:
        parts = data.draw(parts_of(sent))
        with asyncio.Runner(loop_factory=new_loop) as runner:
            _, second = runner.run(ask_twice(parts, ends=True))
        # What follows a whole answer may come after the next request went out: nobody can foresee that.
        assert second is None or second.body == b"the last one's own"

    @settings(max_examples=200)
    @given(st.data(), made_answers())
    def test_a_whole_answer_over_any_parts_is_itself_and_the_connection_good(
        self, new_loop: NewLoop, data: st.DataObject, made: Made
    ) -> None:
        parts = data.draw(parts_of(made.sent))
        with asyncio.Runner(loop_factory=new_loop) as runner:
            first, second = runner.run(ask_twice(parts, ends=False))
        assert first == made.answer
        assert second is not None
        assert second.body == b"the last one's own"
