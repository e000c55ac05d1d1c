"""Where a URL of somebody else's may lead."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from notifyd.errors import NotSent
from notifyd.wire.public_only import NotPublic, is_public, public_addresses
from notifyd.wire.tls import client_context
from notifyd.wire.transport import Request
from notifyd.wire.transport_http1 import Http1Transport
from tests.support.hostile_server import answer, answering, hostile_server


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.9.1",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%lo",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2001:0:a00:1::",
        "2001:db8::1",
        "fec0::1",
        "::127.0.0.1",
        "::10.0.0.1",
        "4000::1",
    ],
)
def test_an_address_that_means_something_else_in_another_network_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.215.14", "2606:4700::1111", "64:ff9b::1.1.1.1"])
def test_an_address_of_the_whole_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "2130706433", "0x7f.1", "127.1"])
async def test_whatever_way_loopback_is_written_it_is_refused(host: str) -> None:
    with pytest.raises(NotPublic):
        await public_addresses(host, 443)


async def test_names_of_others_are_looked_up_beside_the_processs_own() -> None:
    """Whoever lets his name servers stay silent takes no thread that anybody else's connections wait for."""
    release = threading.Event()
    with ThreadPoolExecutor(max_workers=1) as everybodys:
        asyncio.get_running_loop().set_default_executor(everybodys)
        stuck = everybodys.submit(release.wait)
        try:
            async with asyncio.timeout(5):
                assert await public_addresses("1.1.1.1", 443) == ["1.1.1.1"]
        finally:
            release.set()
        assert stuck.result()


async def test_a_public_address_is_itself() -> None:
    assert await public_addresses("1.1.1.1", 443) == ["1.1.1.1"]


async def test_a_guarded_transport_connects_to_no_private_address() -> None:
    async with hostile_server(answering(answer())) as server:
        transport = Http1Transport(client_context(), addresses_of=public_addresses)
        with pytest.raises(NotPublic, match=r"127\.0\.0\.1"):
            await transport.send(Request("POST", server.url + "/secret", {}), timeout_s=5.0)
        assert server.connections == 0
        await transport.close()


async def test_the_connection_goes_to_the_first_address_that_takes_it() -> None:
    async def two(host: str, port: int) -> list[str]:  # noqa: ARG001 - the port's
        return ["127.0.0.2", "127.0.0.1"]

    async with hostile_server(answering(answer(body=b"here"))) as server:
        transport = Http1Transport(client_context(), addresses_of=two)
        url = server.url.replace("127.0.0.1", "a.name.that.is.nowhere.example")
        assert (await transport.send(Request("POST", url, {}), timeout_s=5.0)).body == b"here"
        await transport.close()


async def test_a_name_without_an_address_sends_nothing() -> None:
    async def none(host: str, port: int) -> list[str]:  # noqa: ARG001 - the port's
        return []

    transport = Http1Transport(client_context(), addresses_of=none)
    with pytest.raises(NotSent):
        await transport.send(Request("POST", "https://nowhere.example", {}), timeout_s=5.0)
    await transport.close()
