from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from notifyd.errors import NotSent
from notifyd.wire.tls import client_context
from notifyd.wire.transport import Request, Response
from notifyd.wire.transport_http2 import Http2Transport
from tests.fakes.system import FakeEntropy
from tests.support.hostile_server import answer, answering, hostile_server
from tests.support.http2_server import echoing, http2_server
from tests.support.loopback_tls import CERTIFICATE, server_context


async def get(origin: str, tls: ssl.SSLContext) -> Response:
    transport = Http2Transport(origin, tls, entropy=FakeEntropy())
    try:
        return await transport.send(Request("GET", f"{origin}/", {}), timeout_s=10)
    finally:
        await transport.close()


async def test_a_server_of_the_given_authority_is_reached_by_tls_1_3() -> None:
    async with http2_server(echoing) as server:
        assert (await get(server.origin, client_context(CERTIFICATE))).status == 200
        tls: ssl.SSLObject = server.peers[0].transport.get_extra_info("ssl_object")
        assert (tls.version(), tls.selected_alpn_protocol()) == ("TLSv1.3", "h2")


async def test_a_certificate_nobody_vouches_for_is_not_sent_to() -> None:
    async with http2_server(echoing) as server:
        with pytest.raises(NotSent, match="Cert"):
            await get(server.origin, client_context())
        assert server.peers == []


async def test_a_certificate_of_another_host_is_not_sent_to() -> None:
    async with http2_server(echoing) as server:
        with pytest.raises(NotSent, match="Cert"):
            await get(server.origin.replace("127.0.0.1", "localhost"), client_context(CERTIFICATE))
        assert server.peers == []


@pytest.mark.parametrize("offered", [["http/1.1"], []], ids=["HTTP/1.1", "nothing"])
async def test_a_server_without_http_2_is_not_sent_to_and_the_mend_is_told(offered: list[str]) -> None:
    tls = server_context()
    if offered:
        tls.set_alpn_protocols(offered)
    async with hostile_server(answering(answer()), tls=tls) as server:
        with pytest.raises(NotSent, match=r"does not speak HTTP/2.*name the provider's own endpoint|SSL"):
            await get(server.url, client_context(CERTIFICATE))
        assert server.requests == []


@pytest.fixture
def identity(tmp_path: Path) -> Path:
    """Certificate and key in one file."""
    path = tmp_path / "client.pem"
    path.write_bytes(CERTIFICATE.read_bytes() + CERTIFICATE.with_suffix(".key").read_bytes())
    return path


def demanding_context() -> ssl.SSLContext:
    tls = server_context()
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.load_verify_locations(CERTIFICATE)
    return tls


async def test_a_server_that_asks_for_a_certificate_is_shown_ours(identity: Path) -> None:
    async with http2_server(echoing, tls=demanding_context()) as server:
        assert (await get(server.origin, client_context(CERTIFICATE, certificate=identity))).status == 200
        tls: ssl.SSLObject = server.peers[0].transport.get_extra_info("ssl_object")
        shown = tls.getpeercert()
        assert shown is not None
        assert shown["subject"] == ((("commonName", "loopback of the tests"),),)


async def test_whoever_has_no_certificate_to_show_is_not_sent() -> None:
    async with http2_server(echoing, tls=demanding_context()) as server:
        with pytest.raises(NotSent):
            await get(server.origin, client_context(CERTIFICATE))
        assert server.begun == 0


def test_a_certificate_that_is_none_is_refused_without_asking_anybody(tmp_path: Path) -> None:
    broken = tmp_path / "client.pem"
    broken.write_text("no certificate")
    with pytest.raises(ssl.SSLError):
        client_context(CERTIFICATE, certificate=broken)
    with pytest.raises(FileNotFoundError):
        client_context(CERTIFICATE, certificate=tmp_path / "missing.pem")
