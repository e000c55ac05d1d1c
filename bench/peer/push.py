"""The peer's pushes: the bench's templates by Jinja2, sent by aioapns over connections that are kept."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from aioapns.common import NotificationRequest, PushType
from aioapns.connection import JWTAuthorizationHeaderProvider

from bench.micro.aioapns_by_stream import Protocol
from bench.peer.notice import Notice, delivery_id_of, template_of
from bench.peer.sources import Arrived
from notifyd.wire.http1_target import target_of
from notifyd.wire.tls import client_context

# As many as the daemon keeps.
_CONNECTIONS = 2
_TIME_TO_LIVE_S = 3600
# More than the JSON of a push: aioapns raises where the connection's window has less.
_ROOM_BYTES = 1024


class ApnsSender:
    channel = "push_ios"
    provider = "apns"

    def __init__(self, connections: Sequence[Protocol], topic: str) -> None:
        self._connections = connections
        self._topic = topic
        self._title, self._body = map(template_of, ("push.title", "push.body"))

    @classmethod
    async def connect(cls, settings: dict[str, Any], key: str) -> Self:
        """`settings`: the daemon's, of the provider apns; `key`: the signing key that they name."""
        target = target_of(settings["base_url"])
        tls = client_context(Path(settings["ca_file"]))
        tls.set_alpn_protocols(["h2"])
        token = JWTAuthorizationHeaderProvider(key, settings["key_id"], settings["team_id"])
        loop = asyncio.get_running_loop()
        opened = [
            await loop.create_connection(lambda: Protocol(token), target.host, target.port, ssl=tls)
            for _ in range(_CONNECTIONS)
        ]
        return cls([protocol for _, protocol in opened], settings["topic"])

    def notices(self, event: Arrived, contact: dict[str, Any]) -> list[Notice]:
        text = self._body.render(data=event.envelope["detail"])
        tokens = [device["deviceToken"] for device in contact["device_tokens"] if device["platform"] == "apns"]
        return [Notice(event, token, delivery_id_of(event, self.channel, token), text) for token in tokens]

    async def send(self, notices: Sequence[Notice]) -> list[tuple[Notice, str]]:
        results = await asyncio.gather(*map(self._push, notices))
        return [
            (notice, result.notification_id)
            for notice, result in zip(notices, results, strict=True)
            if result.is_successful
        ]

    def close(self) -> None:
        for connection in self._connections:
            connection.close()

    async def _push(self, notice: Notice) -> Any:
        data = notice.event.envelope["detail"]
        request = NotificationRequest(
            device_token=notice.address,
            message={
                "aps": {"alert": {"title": self._title.render(data=data), "body": notice.content}},
                "delivery_id": notice.delivery_id,
            },
            notification_id=str(uuid.uuid5(uuid.NAMESPACE_OID, notice.delivery_id)),
            time_to_live=_TIME_TO_LIVE_S,
            priority=10,
            collapse_key=notice.delivery_id,
            push_type=PushType.ALERT,
            apns_topic=self._topic,
        )
        connection = min(self._connections, key=lambda one: len(one.requests))
        await connection.room_for(_ROOM_BYTES)
        return await connection.send_notification(request)
