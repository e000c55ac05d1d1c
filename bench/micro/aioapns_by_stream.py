"""aioapns against a server that is no APNs."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any, Self

import msgspec
from aioapns.common import NotificationRequest, NotificationResult, PushType
from aioapns.connection import APNsTLSClientProtocol, AuthorizationHeaderProvider

from notifyd.wire.http1_target import target_of

_WIDE_BYTES = 65_536


class _Token(AuthorizationHeaderProvider):
    def __init__(self) -> None:
        self.header = ""

    def get_header(self) -> str:
        return self.header


class Protocol(APNsTLSClientProtocol):
    """aioapns finds a request by the apns-id of its answer; nghttpd gives none back: here it is by stream."""

    INACTIVITY_TIME = 3600  # it is idle while the others run

    def __init__(self, token: AuthorizationHeaderProvider) -> None:
        super().__init__("", auth_provider=token)
        self._heard = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._heard.set()

    async def room_for(self, size_bytes: int) -> None:
        """Without room in the connection's window aioapns raises, with a stream begun that never ends."""
        while self.conn.outbound_flow_control_window < size_bytes:
            self._heard.clear()
            await self._heard.wait()

    def on_response_received(self, headers: dict[bytes, bytes]) -> None:
        assert headers[b":status"] == b"200"

    def on_data_received(self, *_: Any) -> None:
        pass

    def on_stream_ended(self, stream_id: int) -> None:
        super().on_stream_ended(stream_id)
        notification_id = self.request_streams.pop(stream_id)
        self.requests.pop(notification_id).set_result(NotificationResult(notification_id, "200"))


class Aioapns:
    def __init__(self, protocol: Protocol, token: _Token) -> None:
        self._protocol = protocol
        self._token = token

    @classmethod
    async def connect(cls, origin: str, tls: ssl.SSLContext) -> Self:
        target = target_of(origin)
        token = _Token()
        loop = asyncio.get_running_loop()
        _, protocol = await loop.create_connection(lambda: Protocol(token), target.host, target.port, ssl=tls)
        # The server's wide window: without it a burst of a thousand waits for room most of the time.
        await protocol.room_for(_WIDE_BYTES)
        return cls(protocol, token)

    async def push(self, number: int, path: str, headers: Mapping[str, str], body: bytes) -> None:
        self._token.header = headers["authorization"]
        request = NotificationRequest(
            device_token=path.rpartition("/")[2],
            message=msgspec.json.decode(body),
            notification_id=f"{number:032d}",
            collapse_key=f"{number:026d}",
            priority=int(headers["apns-priority"]),
            push_type=PushType.ALERT,
            apns_topic=headers["apns-topic"],
        )
        await self._protocol.send_notification(request)

    def close(self) -> None:
        self._protocol.close()
