"""Which of the HTTP/1.1 transports goes to a place."""

from __future__ import annotations

from ssl import SSLContext

from yarl import URL

from notifyd.wire.limits import ANSWER_BYTES_MAX
from notifyd.wire.proxies import Proxies
from notifyd.wire.transport import Transport
from notifyd.wire.transport_aiohttp import AiohttpTransport
from notifyd.wire.transport_http1 import Http1Transport


def transport_to(
    url: str, tls: SSLContext, *, connections_max: int, answer_bytes_max: int = ANSWER_BYTES_MAX
) -> Transport:
    """The own client, which knows no proxies, unless there is one on the way."""
    proxies = Proxies.of_environment()
    if proxies.of(URL(url)) is None:
        return Http1Transport(tls, connections_max=connections_max, answer_bytes_max=answer_bytes_max)
    return AiohttpTransport(
        tls, connections_max=connections_max, answer_bytes_max=answer_bytes_max, proxies=proxies
    )
