from __future__ import annotations

from base64 import b64encode

import pytest
from yarl import URL

from notifyd.errors import NotSent
from notifyd.wire.proxies import Proxies
from notifyd.wire.tls import client_context
from notifyd.wire.transport import Request
from notifyd.wire.transport_aiohttp import AiohttpTransport
from tests.support.hostile_server import answer, answering, hostile_server


@pytest.mark.parametrize(
    ("urls", "url", "expected"),
    [
        ({}, "https://sqs.test/", None),
        ({"https": "http://proxy:3128"}, "https://sqs.test/", "http://proxy:3128"),
        ({"https": "proxy:3128"}, "https://sqs.test/", "http://proxy:3128"),
        ({"https": "http://proxy:3128"}, "http://sqs.test/", None),
        ({"all": "http://proxy:3128"}, "http://sqs.test/", "http://proxy:3128"),
        ({"all": "http://other:1", "https": "http://proxy:3128"}, "https://sqs.test/", "http://proxy:3128"),
        ({"https": "http://proxy:3128", "no": "sqs.test"}, "https://sqs.test/", None),
        ({"https": "http://proxy:3128", "no": ".test"}, "https://sqs.test/", None),
        ({"https": "http://proxy:3128", "no": "sns.test"}, "https://sqs.test/", "http://proxy:3128"),
        ({"https": "http://proxy:3128", "no": "sqs.test:8443"}, "https://sqs.test:8443/", None),
        ({"https": "http://proxy:3128", "no": "*"}, "https://sqs.test/", None),
    ],
)
def test_the_proxy_of_a_url_is_its_scheme_s_unless_its_host_is_excepted(
    urls: dict[str, str], url: str, expected: str | None
) -> None:
    proxy = Proxies(urls).of(URL(url))
    assert (None if proxy is None else str(proxy.url).rstrip("/")) == expected


def test_the_environment_s_proxies_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    monkeypatch.setenv("NO_PROXY", "sns.test")
    proxies = Proxies.of_environment()
    assert proxies.of(URL("https://sqs.test/")) is not None
    assert proxies.of(URL("https://sns.test/")) is None


async def test_a_request_goes_through_the_proxy_with_its_password() -> None:
    async with hostile_server(answering(answer(body=b"through"))) as proxy:
        urls = {"http": proxy.url.replace("http://", "http://user:secret@")}
        transport = AiohttpTransport(client_context(), proxies=Proxies(urls))
        try:
            through = await transport.send(Request("POST", "http://sqs.test/path", {}, b"body"), timeout_s=10)
        finally:
            await transport.close()
    assert through.body == b"through"
    request_line, *headers = proxy.requests[0].head.split("\r\n")
    assert request_line == "POST http://sqs.test/path HTTP/1.1"
    assert f"Proxy-Authorization: Basic {b64encode(b'user:secret').decode()}" in headers


async def test_a_proxy_that_makes_no_tunnel_means_not_sent() -> None:
    async with hostile_server(answering(answer(403))) as proxy:
        transport = AiohttpTransport(client_context(), proxies=Proxies({"https": proxy.url}))
        try:
            with pytest.raises(NotSent):
                await transport.send(Request("POST", "https://sqs.test/path", {}, b"body"), timeout_s=10)
        finally:
            await transport.close()
    assert [exchange.head.split(" ")[0] for exchange in proxy.requests] == ["CONNECT"]
