"""Opens connections, one at a time, and pauses longer and longer while they come to nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from ssl import SSLContext

from notifyd.end_tasks import end_tasks
from notifyd.ports import Entropy
from notifyd.wire.http1_target import Target
from notifyd.wire.http2_connection import Connection
from notifyd.wire.limits import CONNECT_MAX_S

_BACKOFF_BASE_S = 0.1
_BACKOFF_MAX_S = 30.0
# TLS's good-bye waits for the other side's.
_TLS_SHUTDOWN_TIMEOUT_S = 1.0


class Unusable(Exception):
    """There is a connection, and it takes no request."""


class Opening:
    def __init__(
        self,
        target: Target,
        tls: SSLContext,
        *,
        make: Callable[[], Connection],
        take: Callable[[Connection], None],
        fail: Callable[[], None],
        entropy: Entropy,
    ) -> None:
        """`take` gets each connection that can be used, `fail` is called for one that could not be opened."""
        self._target = target
        self._tls = tls
        self._make = make
        self._take = take
        self._fail = fail
        self._entropy = entropy
        self._loop = asyncio.get_running_loop()
        self._failures = 0
        self._task: asyncio.Task[None] | None = None
        self.not_before_s = 0.0
        """In the loop's time: no connection is opened earlier."""
        self.failure = ""
        """Why the last one came to nothing."""

    @property
    def under_way(self) -> bool:
        return self._task is not None

    def start(self) -> None:
        self._task = self._loop.create_task(self._open())

    def note_success(self) -> None:
        self._failures = 0

    def note_failure(self, why: str) -> None:
        """Also of a connection that could be opened and answered nothing."""
        self.failure = why
        ceiling_s = min(_BACKOFF_MAX_S, _BACKOFF_BASE_S * 2.0 ** min(self._failures, 30))
        self._failures += 1
        self.not_before_s = self._loop.time() + ceiling_s * self._entropy.fraction()

    async def close(self) -> None:
        if self._task is not None:
            await end_tasks(self._task)

    async def _open(self) -> None:
        try:
            connection = await self._connect()
        except (OSError, ValueError, Unusable) as error:
            self._task = None
            self.note_failure(_why(error))
            self._fail()
        else:
            self._task = None
            self._take(connection)

    async def _connect(self) -> Connection:
        """Connected, and the other side's SETTINGS are there."""
        connection: Connection | None = None
        try:
            async with asyncio.timeout(CONNECT_MAX_S):
                _, connection = await self._loop.create_connection(
                    self._make,
                    self._target.host,
                    self._target.port,
                    ssl=self._tls,
                    server_hostname=self._target.host,
                    ssl_shutdown_timeout=_TLS_SHUTDOWN_TIMEOUT_S,
                )
                why = await connection.opened
        except BaseException:
            if connection is not None:
                connection.abort("it was not opened in time")
            raise
        if why:
            raise Unusable(why)
        return connection


def _why(error: Exception) -> str:
    """Never the text of an error that is not ours: it may hold anything."""
    match error:
        case TimeoutError():
            return f"no connection within {CONNECT_MAX_S:g} s"
        case Unusable():
            return str(error)
        case OSError(strerror=str(reason)):
            return f"{type(error).__name__} ({reason})"
        case _:
            return type(error).__name__
