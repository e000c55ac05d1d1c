"""The library aioapns behind our transport, for those who know it: the same requests, the same answers.

Each request is one attempt: the repeats of its pool are left aside. What it cannot tell apart is unknown: a
connection that ends takes all its running streams with it, those too that APNs says it never looked at.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from ssl import SSLContext

import msgspec
from aioapns import NotificationRequest, PushType
from aioapns.common import NotificationResult
from aioapns.connection import (
    APNsBaseClientProtocol,
    APNsBaseConnectionPool,
    APNsTLSClientProtocol,
    AuthorizationHeaderProvider,
)
from aioapns.exceptions import ConnectionClosed
from aioapns.exceptions import ConnectionError as NoConnection
from h2.exceptions import NoAvailableStreamIDError

from notifyd.errors import NoAnswer, NotSent
from notifyd.ports import Clock
from notifyd.providers._apns_config import SPACES_BYTES_MAX, ApnsConfig
from notifyd.providers._apns_token import ProviderToken
from notifyd.wire.http1_target import target_of
from notifyd.wire.limits import connect_timeout_s
from notifyd.wire.transport import NO_HEADERS, Answer, Hear, Request, Response

# As often as its own pool looks for a free connection.
_LOOK_AGAIN_S = 0.01


class _SharedToken(AuthorizationHeaderProvider):
    """Its own would give each connection a token of its own, which APNs takes for renewals."""

    def __init__(self, token: ProviderToken) -> None:
        self._token = token

    def get_header(self) -> str:
        return f"bearer {self._token.current()}"


class _Pool(APNsBaseConnectionPool):
    def __init__(self, config: ApnsConfig, tls: SSLContext, auth: AuthorizationHeaderProvider | None) -> None:
        super().__init__(topic=config.topic, max_connections=config.connections_max)
        self._target = target_of(config.origin)
        self._topic = config.topic
        self._tls = tls
        self._auth = auth

    async def create_connection(self) -> APNsBaseClientProtocol:
        make = partial(_Connection, self._target.authority, self._topic, self.discard_connection, self._auth)
        target = self._target
        _, connection = await self.loop.create_connection(make, target.host, target.port, ssl=self._tls)
        return connection

    def discard_connection(self, connection: APNsBaseClientProtocol) -> None:
        """Called for retired ones again, when they end."""
        if connection in self.connections:
            self.connections.remove(connection)


class _Connection(APNsTLSClientProtocol):
    def __init__(
        self,
        authority: str,
        topic: str,
        on_lost: object,
        auth: AuthorizationHeaderProvider | None,
    ) -> None:
        super().__init__(topic, None, on_lost, auth)  # type: ignore[arg-type] # it claims that the callback never returns
        self.APNS_SERVER = authority


class AioapnsTransport:
    """Takes the requests of this provider alone. Made inside the running loop."""

    def __init__(self, config: ApnsConfig, tls: SSLContext, token: ProviderToken | None, *, clock: Clock) -> None:
        tls.set_alpn_protocols(["h2"])
        self._pool = _Pool(config, tls, None if token is None else _SharedToken(token))
        self._origin = config.origin
        self._topic = config.topic
        self._clock = clock

    async def send(self, request: Request, *, timeout_s: float) -> Response:
        [answer] = await self.send_all([request], timeout_s=timeout_s)
        if isinstance(answer, Response):
            return answer
        raise answer

    async def send_all(
        self,
        requests: Sequence[Request],
        *,
        timeout_s: float,
        shared: Mapping[str, str] = NO_HEADERS,  # noqa: ARG002 - it has the topic and the token itself
        hear: Hear | None = None,  # noqa: ARG002 - the answers come back together
    ) -> list[Answer]:
        async with asyncio.TaskGroup() as tasks:
            sent = [tasks.create_task(self._attempt(request, timeout_s)) for request in requests]
        return [task.result() for task in sent]

    def retire(self, response: Response) -> None:
        for connection in list(self._pool.connections):
            if id(connection) == response.connection:
                # It ends by itself once it has been idle.
                self._pool.connections.remove(connection)

    async def close(self) -> None:
        for connection in list(self._pool.connections):
            connection.close()

    async def _attempt(self, request: Request, timeout_s: float) -> Answer:
        begun_s = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(connect_timeout_s(timeout_s)):
                connection = await self._with_room(len(request.body) + SPACES_BYTES_MAX)
        except (NoConnection, TimeoutError):
            return NotSent(f"{self._origin}: no connection, or none with room")
        notification = self._notification(request)
        try:
            async with asyncio.timeout_at(begun_s + timeout_s):
                result = await connection.send_notification(notification)
        except NoAvailableStreamIDError:
            connection.close()
            return NotSent(f"{self._origin}: the connection's stream ids are used up")
        except ConnectionClosed:
            return NoAnswer(f"{self._origin}: the connection ended")
        except TimeoutError:
            return NoAnswer(f"{self._origin}: no answer within {timeout_s:g} s")
        finally:
            # One that nobody waits for any more would break the others' end when the connection is lost.
            connection.requests.pop(notification.notification_id, None)
        return _response(result, id(connection))

    async def _with_room(self, size_bytes: int) -> APNsBaseClientProtocol:
        """Where the window is full, the library would begin a stream that it never ends."""
        while True:
            connection = await self._pool.acquire()
            if connection.conn.outbound_flow_control_window >= size_bytes:
                return connection
            await self._clock.sleep(_LOOK_AGAIN_S)

    def _notification(self, request: Request) -> NotificationRequest:
        headers = request.headers
        return NotificationRequest(
            device_token=request.url.rpartition("/")[2],
            message=msgspec.json.decode(request.body),
            notification_id=headers["apns-id"],
            # It adds the time of day again.
            time_to_live=max(0, int(headers["apns-expiration"]) - int(self._clock.now_s())),
            priority=int(headers["apns-priority"]),
            collapse_key=headers["apns-collapse-id"],
            push_type=PushType(headers["apns-push-type"]),
            apns_topic=self._topic,
        )


def _response(result: NotificationResult, connection: int) -> Response:
    told = {"reason": result.description or "", "timestamp": result.timestamp}
    body = b"" if result.is_successful else msgspec.json.encode(told)
    return Response(int(result.status), {"apns-id": result.notification_id}, body, connection)
