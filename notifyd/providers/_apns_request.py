"""What APNs is asked: "Sending notification requests to APNs" and "Generating a remote notification"."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Final

import msgspec

from notifyd.core.channel import Lane
from notifyd.core.message import Delivery, Push, message_of
from notifyd.core.outcome import Reason, Rejected
from notifyd.providers._push import collapse_id, custom_data, fitted
from notifyd.wire.transport import Request

_TOKEN_CHARS_MIN, _TOKEN_CHARS_MAX = 64, 200
_COLLAPSE_ID_CHARS_MAX = 64
# Looked up once: naming an enum's member takes 70 ns.
_BULK: Final = Lane.BULK
_encode = msgspec.json.Encoder().encode


class _Alert(msgspec.Struct, omit_defaults=True, gc=False):
    title: str = ""
    body: str = ""


class _Aps(msgspec.Struct, omit_defaults=True, rename="kebab", gc=False):
    alert: _Alert | None = None
    badge: int | None = None
    sound: str | None = None
    category: str | None = None
    thread_id: str | None = None
    mutable_content: int | None = None
    content_available: int | None = None


# A badge or sound would make it an alert, for which the push type is another.
_SILENT = _Aps(content_available=1)


def shared_headers(topic: str, token: str | None) -> dict[str, str]:
    """Of every request of a batch. `token` None: the connection's certificate says who we are."""
    return {"apns-topic": topic} | ({} if token is None else {"authorization": f"bearer {token}"})


def request_of(delivery: Delivery, *, base_url: str, payload_bytes_max: int) -> Request | Rejected:
    push, address = message_of(delivery, Push), delivery.address
    silent = push.is_silent
    if not _is_token(address):
        return Rejected(Reason.ADDRESS_INVALID, "a device token of APNs is 64 or more hexadecimal digits")
    data = custom_data(delivery)
    if "aps" in data:
        return Rejected(Reason.MESSAGE_REFUSED, "the data's name aps is APNs' own")
    body = fitted(push, lambda one: _encode(_payload(one, data)), payload_bytes_max)
    if isinstance(body, Rejected):
        return body
    headers = {
        "apns-id": apns_id(delivery.delivery_id),
        "apns-push-type": "background" if silent else "alert",
        "apns-priority": "5" if silent or delivery.lane is _BULK else "10",
        "apns-expiration": str(int(delivery.deadline_at_s)),
        "apns-collapse-id": collapse_id(delivery, _COLLAPSE_ID_CHARS_MAX),
    }
    return Request("POST", f"{base_url}/3/device/{address.lower()}", headers, body)


def _is_token(address: str) -> bool:
    """A fifth of what a regular expression takes. `fromhex` lets white space through, which makes it shorter."""
    if not _TOKEN_CHARS_MIN <= len(address) <= _TOKEN_CHARS_MAX:
        return False
    try:
        return len(bytes.fromhex(address)) * 2 == len(address)
    except ValueError:
        return False


def question_of(*, base_url: str) -> Request:
    """To a token that is too short for any device: BadDeviceToken says that nothing else is wrong."""
    headers = {
        "apns-id": apns_id(""),
        "apns-push-type": "background",
        "apns-priority": "5",
        "apns-expiration": "0",
        "apns-collapse-id": "check",
    }
    return Request("POST", f"{base_url}/3/device/00", headers, _encode({"aps": _SILENT}))


def _payload(push: Push, data: dict[str, str]) -> dict[str, Any]:
    """`data` beside what an app's extension needs to show an image or follow a link."""
    payload: dict[str, Any] = {"aps": _aps(push), **data}
    if push.image_url is not None:
        payload["image_url"] = push.image_url
    if push.link is not None:
        payload["link"] = push.link
    return payload


def _aps(push: Push) -> _Aps:
    if push.is_silent:
        return _SILENT
    return _Aps(
        alert=_Alert(push.title, push.body),
        badge=push.badge,
        sound=push.sound,
        category=push.category,
        thread_id=push.thread,
        mutable_content=1 if push.image_url is not None else None,
    )


def apns_id(delivery_id: str) -> str:
    """A UUID (version 8: a hash of our own): the same for every attempt. uuid5 takes five times as long."""
    digits = sha256(delivery_id.encode()).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-8{digits[12:15]}-a{digits[15:18]}-{digits[18:30]}"
