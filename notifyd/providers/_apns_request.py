"""What APNs is asked: "Sending notification requests to APNs" and "Generating a remote notification"."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any

import msgspec

from notifyd.core.channel import Lane
from notifyd.core.message import Delivery, Push, message_of
from notifyd.core.outcome import Reason, Rejected
from notifyd.providers._push import collapse_id, custom_data, fitted
from notifyd.wire.transport import Request

_DEVICE_TOKEN = re.compile(r"(?:[0-9A-Fa-f]{2}){32,100}")
_COLLAPSE_ID_CHARS_MAX = 64
_encode = msgspec.json.Encoder().encode


def request_of(
    delivery: Delivery, *, base_url: str, topic: str, token: str | None, payload_bytes_max: int
) -> Request | Rejected:
    """`token` None: the connection's certificate says who we are."""
    push = message_of(delivery, Push)
    if not _DEVICE_TOKEN.fullmatch(delivery.address):
        return Rejected(Reason.ADDRESS_INVALID, "a device token of APNs is 64 or more hexadecimal digits")
    data = custom_data(delivery)
    if "aps" in data:
        return Rejected(Reason.MESSAGE_REFUSED, "the data's name aps is APNs' own")
    body = fitted(push, lambda one: _encode(payload(one, data)), payload_bytes_max)
    if isinstance(body, Rejected):
        return body
    headers = {
        "apns-id": apns_id(delivery.delivery_id),
        "apns-topic": topic,
        "apns-push-type": "background" if push.is_silent else "alert",
        "apns-priority": "5" if push.is_silent or delivery.lane is Lane.BULK else "10",
        "apns-expiration": str(int(delivery.deadline_at_s)),
        "apns-collapse-id": collapse_id(delivery, _COLLAPSE_ID_CHARS_MAX),
        **_authorization(token),
    }
    return Request("POST", f"{base_url}/3/device/{delivery.address.lower()}", headers, body)


def question_of(*, base_url: str, topic: str, token: str | None) -> Request:
    """To a token that is too short for any device: BadDeviceToken says that nothing else is wrong."""
    headers = {
        "apns-id": apns_id(""),
        "apns-topic": topic,
        "apns-push-type": "background",
        "apns-priority": "5",
        "apns-expiration": "0",
        "apns-collapse-id": "check",
        **_authorization(token),
    }
    return Request("POST", f"{base_url}/3/device/00", headers, _encode({"aps": {"content-available": 1}}))


def _authorization(token: str | None) -> dict[str, str]:
    return {} if token is None else {"authorization": f"bearer {token}"}


def payload(push: Push, data: dict[str, str]) -> dict[str, Any]:
    """`data` beside what an app's extension needs to show an image or follow a link."""
    extras = {"image_url": push.image_url, "link": push.link}
    given = {name: value for name, value in extras.items() if value is not None}
    return {"aps": _aps(push), **data, **given}


def _aps(push: Push) -> dict[str, Any]:
    if push.is_silent:
        # A badge or sound would make it an alert, for which the push type is another.
        return {"content-available": 1}
    alert = {name: text for name, text in (("title", push.title), ("body", push.body)) if text}
    aps: dict[str, Any] = {
        "alert": alert,
        "badge": push.badge,
        "sound": push.sound,
        "category": push.category,
        "thread-id": push.thread,
        "mutable-content": 1 if push.image_url is not None else None,
    }
    return {name: value for name, value in aps.items() if value is not None}


def apns_id(delivery_id: str) -> str:
    """A UUID (version 8: a hash of our own): the same for every attempt. uuid5 takes five times as long."""
    digits = sha256(delivery_id.encode()).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-8{digits[12:15]}-a{digits[15:18]}-{digits[18:30]}"
