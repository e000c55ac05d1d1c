from __future__ import annotations

import pytest

from notifyd.wire.tls import client_context
from notifyd.wire.transport import Transport
from notifyd.wire.transport_aiohttp import AiohttpTransport
from notifyd.wire.transport_http1 import Http1Transport
from notifyd.wire.transport_to import transport_to


@pytest.mark.parametrize(
    ("url", "kind"), [("https://sqs.test", AiohttpTransport), ("https://sns.test", Http1Transport)]
)
async def test_the_own_client_goes_where_no_proxy_is_on_the_way(
    url: str, kind: type[Transport], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    monkeypatch.setenv("NO_PROXY", "sns.test")
    transport = transport_to(url, client_context(), connections_max=1)
    assert type(transport) is kind
    await transport.close()
