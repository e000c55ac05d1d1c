"""The Transport port for the hot calls, on the loop's own protocols: no library between a call and its bytes.

A general client spends most of a small call on what no hot call has: redirects, cookies, encodings, middleware.
"""

from __future__ import annotations

import asyncio
from ssl import SSLContext

from notifyd.errors import NoAnswer, NotSent
from notifyd.wire.http1_connection import Broken, Connection
from notifyd.wire.http1_pool import Pool, PoolClosed
from notifyd.wire.http1_target import Target, request_bytes, target_of
from notifyd.wire.limits import ANSWER_BYTES_MAX, KEEP_ALIVE_S, connect_timeout_s
from notifyd.wire.public_only import AddressesOf
from notifyd.wire.transport import Request, Response


async def by_name(host: str, port: int) -> list[str]:  # noqa: ARG001 - AddressesOf's
    """Wherever the name leads, as the loop resolves it when it connects."""
    return [host]


class Http1Transport:
    """One pool. Give each service its own: in a shared pool one slow service makes all of them wait.

    Made inside the running loop. Knows no proxies and no HEAD.
    """

    def __init__(
        self,
        tls: SSLContext,
        *,
        connections_max: int = 64,
        answer_bytes_max: int = ANSWER_BYTES_MAX,
        keep_alive_s: float = KEEP_ALIVE_S,
        addresses_of: AddressesOf = by_name,
        drops_large: bool = False,
    ) -> None:
        """`tls` is made to offer HTTP/1.1 alone: share it with nobody who speaks something else.

        `addresses_of`: public_only.public_addresses where URLs are somebody else's. `drops_large`: an answer over
        `answer_bytes_max` loses its body and keeps its status.
        """
        tls.set_alpn_protocols(["http/1.1"])
        self._loop = asyncio.get_running_loop()
        self._pool = Pool(
            tls,
            connections_max=connections_max,
            answer_bytes_max=answer_bytes_max,
            keep_alive_s=keep_alive_s,
            addresses_of=addresses_of,
            drops_large=drops_large,
        )

    async def send(self, request: Request, *, timeout_s: float) -> Response:
        by_s = self._loop.time() + timeout_s
        try:
            target = target_of(request.url)
            written = request_bytes(request, target)
        except ValueError as error:
            raise NotSent(f"{request.method}: {error}") from None
        connection = self._pool.take_kept(target) or await self._take(request, target, timeout_s)
        try:
            answer = await connection.ask(written, by_s=by_s, timeout_s=timeout_s)
        finally:
            self._pool.give_back(target, connection)
        if isinstance(answer, Broken):
            raise NoAnswer(f"{request.method} {target.origin}: {answer.why}")
        return answer

    async def close(self) -> None:
        await self._pool.close()

    async def _take(self, request: Request, target: Target, timeout_s: float) -> Connection:
        within_s = connect_timeout_s(timeout_s)
        try:
            async with asyncio.timeout(within_s):
                return await self._pool.take(target)
        except PoolClosed:
            raise NotSent(f"{request.method} {target.origin}: this transport is closed") from None
        except TimeoutError:
            raise NotSent(f"{request.method} {target.origin}: no connection within {within_s:g} s") from None
        except (OSError, ValueError) as error:
            raise NotSent(f"{request.method} {target.origin}: {_why(error)}") from None


def _why(error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) else None
    return f"{type(error).__name__} ({reason})" if reason else type(error).__name__
