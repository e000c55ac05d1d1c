"""What FCM is asked: projects.messages.send of its HTTP v1 API."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from notifyd.core.channel import Lane
from notifyd.core.message import Delivery, Push, message_of
from notifyd.core.outcome import Reason, Rejected
from notifyd.providers._push import PAYLOAD_BYTES_MAX, custom_data, fitted, seconds_left
from notifyd.wire.transport import Request

_TTL_MAX_S = 28 * 86_400.0
# Google says no more of its form than that it is opaque: what passes could be one.
_REGISTRATION_TOKEN = re.compile(r"[A-Za-z0-9_:.%=-]{20,4096}")
_RESERVED = re.compile(r"from|message_type|notification|collapse_key|(google|gcm)\..*", re.DOTALL)
_encode = msgspec.json.Encoder().encode


def shared_headers(token: str) -> dict[str, str]:
    """Of every request of a batch."""
    return {"authorization": f"Bearer {token}", "content-type": "application/json"}


def request_of(delivery: Delivery, *, url: str, channel_id: str | None, now_s: float) -> Request | Rejected:
    push = message_of(delivery, Push)
    if not _REGISTRATION_TOKEN.fullmatch(delivery.address):
        return Rejected(Reason.ADDRESS_INVALID, "a registration token of FCM is 20 or more of A-Z a-z 0-9 _ : . -")
    data = custom_data(delivery)
    if push.link is not None:
        # What a tap opens is the app's business: FCM's click_action names an intent, no URL.
        data["link"] = push.link
    if reserved := next((name for name in data if _RESERVED.fullmatch(name)), None):
        return Rejected(Reason.MESSAGE_REFUSED, f"the data's name {reserved} is FCM's own")
    rest = fitted(push, lambda one: _encode(_message(delivery, one, data, channel_id, now_s)), PAYLOAD_BYTES_MAX)
    if isinstance(rest, Rejected):
        return rest
    return Request("POST", url, {}, b'{"message":{"token":%b,%b}' % (_encode(delivery.address), rest[1:]))


def _message(
    delivery: Delivery, push: Push, data: dict[str, str], channel_id: str | None, now_s: float
) -> dict[str, Any]:
    """All but the token. FCM's limit counts notification and data alone: what is here is a little more."""
    notification = {"title": push.title, "body": push.body, "image": push.image_url}
    message = {"android": _android(delivery, push, channel_id, now_s), "data": data}
    return message if push.is_silent else message | {"notification": _given(notification)}


def _android(delivery: Delivery, push: Push, channel_id: str | None, now_s: float) -> dict[str, Any]:
    quiet = push.is_silent or delivery.lane is Lane.BULK
    android: dict[str, Any] = {
        "priority": "NORMAL" if quiet else "HIGH",
        "ttl": f"{seconds_left(delivery, now_s, most_s=_TTL_MAX_S)}s",
    }
    if push.collapse_id is not None:
        # Never the delivery's id: FCM keeps four keys for a device that is away, and drops all further messages.
        android["collapse_key"] = push.collapse_id
    if not push.is_silent:
        notification = {
            "tag": push.collapse_id or delivery.delivery_id,
            "sound": push.sound,
            "notification_count": push.badge,
            "channel_id": channel_id,
        }
        android["notification"] = _given(notification)
    return android


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in {None, ""}}
