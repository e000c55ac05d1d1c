"""The Transport port over aiohttp: one request an attempt, and an honest answer to "did bytes go out?"."""

from __future__ import annotations

from functools import lru_cache
from math import inf
from ssl import SSLContext

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientHttpProxyError,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ConnectionTimeoutError,
    DummyCookieJar,
    InvalidURL,
    ServerDisconnectedError,
    TCPConnector,
)
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from yarl import URL

from notifyd.errors import NoAnswer, NotSent
from notifyd.wire.http1_target import request_bytes, target_of
from notifyd.wire.limits import ANSWER_BYTES_MAX, KEEP_ALIVE_S, connect_timeout_s
from notifyd.wire.proxies import Proxies
from notifyd.wire.transport import Request, Response

# What aiohttp would add by itself: every header that leaves is the caller's, and no answer comes compressed.
_NO_AUTO_HEADERS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
# Nothing of a request has left when these are raised: DNS, TCP, TLS, the way to a proxy, a URL that is none.
_BEFORE_ANY_BYTE = (ClientConnectorError, ConnectionTimeoutError, ClientHttpProxyError, InvalidURL)


class _CleanConnector(TCPConnector):
    """Hands out no connection on which bytes wait that nobody asked for.

    aiohttp takes them for the answer to the next request: a stray 200 would prove that a notification was sent.
    """

    async def connect(self, req: ClientRequest, traces: list[Trace], timeout: ClientTimeout) -> Connection:  # noqa: ASYNC109 - aiohttp's signature
        # Each try takes one connection out of the pool; the one after the last is new.
        for _ in range(self.limit + 1):
            connection = await super().connect(req, traces, timeout)
            if connection.protocol is None or not connection.protocol.should_close:
                return connection
            connection.close()
        raise ServerDisconnectedError("the server talks before it is asked")


class AiohttpTransport:
    """One pool. Give each service its own: in a shared pool one slow service makes all of them wait.

    Made inside the running loop.
    """

    def __init__(
        self,
        tls: SSLContext,
        *,
        connections_max: int = 64,
        answer_bytes_max: int = ANSWER_BYTES_MAX,
        proxies: Proxies | None = None,
    ) -> None:
        self._answer_bytes_max = answer_bytes_max
        self._proxies = proxies or Proxies.of_environment()
        self._session = ClientSession(
            connector=_CleanConnector(ssl=tls, limit=connections_max, keepalive_timeout=KEEP_ALIVE_S),
            cookie_jar=DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=_NO_AUTO_HEADERS,
        )
        # aiohttp repeats a GET, PUT or DELETE by itself when a kept connection turns out dead; no public switch.
        self._session._retry_connection = False  # noqa: SLF001

    async def send(self, request: Request, *, timeout_s: float) -> Response:
        try:
            # aiohttp takes an encoded URL as it is, line breaks included, and raises what is no error of ours.
            request_bytes(request, target_of(request.url))
        except ValueError as error:
            raise NotSent(f"{request.method}: {error}") from None
        url = URL(request.url, encoded=True)
        if self._session.closed:
            raise NotSent(f"{request.method} {_origin(url)}: this transport is closed")
        headers = request.headers
        proxy = self._proxies.of(url)
        if proxy is not None and url.scheme == "http":
            # aiohttp gives `proxy_headers` to CONNECT alone, and there is none without TLS.
            headers = {**headers, **proxy.headers}
        try:
            async with self._session.request(
                request.method,
                url,
                data=request.body or None,
                headers=headers,
                allow_redirects=False,
                proxy=proxy.url if proxy else None,
                proxy_headers=proxy.headers if proxy else None,
                timeout=_timeout(timeout_s),
            ) as answer:
                body = await self._read(answer)
        except _BEFORE_ANY_BYTE as error:
            raise NotSent(f"{request.method} {_origin(url)}: {_why(error)}") from None
        except TimeoutError:
            raise NoAnswer(f"{request.method} {_origin(url)}: no whole answer within {timeout_s:g} s") from None
        except (ClientError, OSError) as error:
            raise NoAnswer(f"{request.method} {_origin(url)}: {_why(error)}") from None
        return Response(answer.status, {name.lower(): value for name, value in answer.headers.items()}, body)

    async def close(self) -> None:
        await self._session.close()

    async def _read(self, answer: ClientResponse) -> bytes:
        length = answer.content_length
        if length is not None and length <= self._answer_bytes_max:
            return await answer.read()
        parts: list[bytes] = []
        left = self._answer_bytes_max
        async for part in answer.content.iter_any():
            left -= len(part)
            if left < 0:
                answer.close()
                raise NoAnswer(
                    f"{answer.method} {_origin(answer.url)}: the answer is larger than "
                    f"{self._answer_bytes_max} bytes and was cut off"
                )
            parts.append(part)
        return b"".join(parts)


@lru_cache(maxsize=64)
def _timeout(timeout_s: float) -> ClientTimeout:
    # aiohttp rounds long timeouts up to whole seconds unless told otherwise; a deadline is a deadline.
    return ClientTimeout(total=timeout_s, connect=connect_timeout_s(timeout_s), ceil_threshold=inf)


def _origin(url: URL) -> str:
    """Errors end in logs, and the path of a push subscription or webhook is a secret."""
    return f"{url.scheme}://{url.authority}"


def _why(error: Exception) -> str:
    """Never the error's own text: aiohttp's may hold the URL and every header of the request."""
    reason = error.strerror if isinstance(error, OSError) else None
    return f"{type(error).__name__} ({reason})" if reason else type(error).__name__
