from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from functools import partial

import pytest

from notifyd.errors import NotSent
from notifyd.wire.proxies import Proxies
from notifyd.wire.tls import client_context
from notifyd.wire.transport import Request, Response, Transport
from notifyd.wire.transport_aiohttp import AiohttpTransport
from notifyd.wire.transport_http1 import Http1Transport
from tests.support.hostile_server import HostileServer, answer, answering, hostile_server
from tests.support.loopback_tls import CERTIFICATE, server_context

MakeTransport = Callable[[ssl.SSLContext], Transport]


@pytest.fixture
async def server() -> AsyncIterator[HostileServer]:
    async with hostile_server(answering(answer()), tls=server_context()) as server:
        yield server


@pytest.fixture(params=["aiohttp", "http1"])
def make_transport(request: pytest.FixtureRequest) -> MakeTransport:
    return Http1Transport if request.param == "http1" else partial(AiohttpTransport, proxies=Proxies({}))


async def get(url: str, tls: ssl.SSLContext, make_transport: MakeTransport) -> Response:
    transport = make_transport(tls)
    try:
        return await transport.send(Request("GET", url, {}), timeout_s=10)
    finally:
        await transport.close()


async def test_a_server_of_the_given_authority_is_reached_by_tls_1_3(
    server: HostileServer, make_transport: MakeTransport
) -> None:
    assert (await get(server.url, client_context(CERTIFICATE), make_transport)).status == 200
    assert server.requests[0].tls_version == "TLSv1.3"


async def test_a_certificate_nobody_vouches_for_is_not_sent_to(
    server: HostileServer, make_transport: MakeTransport
) -> None:
    with pytest.raises(NotSent, match="Cert"):
        await get(server.url, client_context(), make_transport)
    assert server.requests == []


async def test_a_certificate_of_another_host_is_not_sent_to(
    server: HostileServer, make_transport: MakeTransport
) -> None:
    with pytest.raises(NotSent, match="Cert"):
        await get(server.url.replace("127.0.0.1", "localhost"), client_context(CERTIFICATE), make_transport)
    assert server.requests == []


async def test_a_server_without_tls_1_2_is_not_sent_to(make_transport: MakeTransport) -> None:
    tls = server_context()
    tls.set_ciphers("ALL:@SECLEVEL=0")  # without it OpenSSL itself refuses to speak anything older
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        tls.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        tls.maximum_version = ssl.TLSVersion.TLSv1_1
    async with hostile_server(answering(answer()), tls=tls) as server:
        with pytest.raises(NotSent):
            await get(server.url, client_context(CERTIFICATE), make_transport)
        assert server.requests == []
