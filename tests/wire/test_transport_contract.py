"""What every Transport keeps, whatever protocol it speaks. All over TLS."""

from __future__ import annotations

import asyncio
import socket
from contextlib import closing
from typing import get_args

import pytest

from notifyd.errors import NoAnswer, NotSent
from notifyd.wire.transport import Request
from tests.support.deadlines import NO_ANSWER_S, NOT_SENT_S
from tests.support.hostile_server import hostile_server, never_answering
from tests.support.transport_worlds import Kind, closed_after, world

pytestmark = pytest.mark.parametrize("kind", get_args(Kind))


async def test_an_answer_is_its_status_headers_and_body(kind: Kind) -> None:
    async with world(kind, "answers") as here:
        response = await here.post()
        assert (response.status, response.headers["x-name"], response.body) == (418, "1", b"I am")


async def test_a_redirect_is_an_answer_and_is_not_followed(kind: Kind) -> None:
    async with world(kind, "redirects") as here:
        response = await here.post()
        assert (response.status, response.headers["location"], here.seen()) == (307, "/elsewhere", 1)


@pytest.mark.parametrize("behaviour", ["never answers", "sends a byte now and then"])
async def test_an_answer_that_is_not_whole_in_time_is_no_answer(kind: Kind, behaviour: str) -> None:
    async with world(kind, behaviour) as here:
        with pytest.raises(NoAnswer, match="within 2 s"):
            await here.post(timeout_s=NO_ANSWER_S)
        assert here.seen() == 1


@pytest.mark.parametrize(
    "behaviour", ["closes", "resets", "cuts the body", "answers too much", "speaks something else"]
)
async def test_a_broken_answer_is_no_answer_to_exactly_one_request(kind: Kind, behaviour: str) -> None:
    async with world(kind, behaviour) as here:
        with pytest.raises(NoAnswer):
            await here.post()
        assert here.seen() == 1


async def test_a_late_answer_is_not_the_next_request_s(kind: Kind) -> None:
    async with world(kind, "answers the second, and the first late") as here:
        with pytest.raises(NoAnswer):
            await here.post(timeout_s=NO_ANSWER_S)
        assert (await here.post()).body == b"2"


async def test_a_cancelled_request_is_not_sent_again_and_the_next_is_answered(kind: Kind) -> None:
    async with world(kind, "answers the second, and the first late") as here:
        cancelled = asyncio.create_task(here.post())
        async with asyncio.timeout(10):
            while not here.seen():
                await asyncio.get_running_loop().run_in_executor(None, int)
        cancelled.cancel()
        assert (await here.post()).body == b"2"
        assert cancelled.cancelled()
        assert here.seen() == 2


async def test_a_closed_transport_does_not_send(kind: Kind) -> None:
    async with world(kind, "answers") as here:
        await here.transport.close()
        with pytest.raises(NotSent, match="closed"):
            await here.post()
        assert here.seen() == 0


async def test_a_refused_connection_is_not_sent(kind: Kind) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: nobody else gets the port
        origin = f"https://127.0.0.1:{taken.getsockname()[1]}"
        async with closed_after(kind, origin) as transport:
            with pytest.raises(NotSent, match=r"Refused|ClientConnectorError"):
                await transport.send(Request("POST", f"{origin}/", {}), timeout_s=10.0)


async def test_a_name_that_does_not_resolve_is_not_sent(kind: Kind) -> None:
    async with closed_after(kind, "https://nobody.invalid") as transport:
        with pytest.raises(NotSent):
            await transport.send(Request("POST", "https://nobody.invalid/", {}), timeout_s=10.0)


@pytest.mark.parametrize("value", ["a\r\nx-more: b", "a\nb", "a\rb", "a\0b"])
async def test_a_header_that_would_break_out_of_its_line_is_not_sent(kind: Kind, value: str) -> None:
    async with world(kind, "answers") as here:
        with pytest.raises(NotSent) as refused:
            await here.transport.send(Request("POST", f"{here.origin}/", {"x-name": value}), timeout_s=10.0)
        assert value not in str(refused.value)
        assert here.seen() == 0
        assert (await here.post()).status == 418


@pytest.mark.parametrize("path", ["/a b", "/ä", "/a\r\nx-more: b", "/\0"])
async def test_a_url_that_would_break_out_of_its_line_is_not_sent(kind: Kind, path: str) -> None:
    async with world(kind, "answers") as here:
        with pytest.raises(NotSent):
            await here.post(path=path)
        assert here.seen() == 0


@pytest.mark.parametrize(
    "url", ["https://", "https://a.example:99999/", f"https://{'a' * 64}.example/", "ftp://b/"]
)
async def test_a_url_that_leads_nowhere_is_not_sent(kind: Kind, url: str) -> None:
    async with closed_after(kind, "https://127.0.0.1") as transport:
        with pytest.raises(NotSent):
            await transport.send(Request("POST", url, {}), timeout_s=10.0)


async def test_a_tls_handshake_that_never_ends_is_not_sent(kind: Kind) -> None:
    async with hostile_server(never_answering) as server:
        origin = server.url.replace("http:", "https:")
        async with closed_after(kind, origin) as transport:
            with pytest.raises(NotSent):
                await transport.send(Request("POST", f"{origin}/", {}), timeout_s=NOT_SENT_S)
        assert server.requests == []


async def test_no_error_tells_the_path_or_a_header(kind: Kind) -> None:
    """The path of a push subscription or webhook is a secret, and errors end in logs."""
    async with world(kind, "speaks something else") as here:
        request = Request("POST", f"{here.origin}/hidden-token", {"authorization": "hidden-key"})
        with pytest.raises(NoAnswer) as broken:
            await here.transport.send(request, timeout_s=10.0)
        assert "hidden" not in str(broken.value)
        assert broken.value.__suppress_context__ or broken.value.__context__ is None
