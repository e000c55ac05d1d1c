"""What a browser's service worker gets, and how nobody else can read it (RFC 8291)."""

from __future__ import annotations

from typing import Any

import http_ece  # type: ignore[import-untyped] # it has none; used here alone
import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)

from notifyd.core.message import Delivery, Push
from notifyd.providers._push import PAYLOAD_BYTES_MAX, custom_data
from notifyd.providers._web_push_subscription import Subscription

# Salt, record size, and the sender's key with its length; the tag and the delimiter of the one record.
_OVERHEAD_BYTES = (16 + 4 + 1 + 65) + (16 + 1)
TEXT_BYTES_MAX = PAYLOAD_BYTES_MAX - _OVERHEAD_BYTES
_encode = msgspec.json.Encoder().encode


def worker_json(delivery: Delivery, push: Push, icon: str | None) -> bytes:
    """As docs/providers.md describes it to those who write service workers."""
    shown: dict[str, Any] = {}
    if not push.is_silent:
        shown = {
            "title": push.title,
            "body": push.body,
            "icon": icon,
            "image": push.image_url,
            "tag": push.collapse_id or delivery.delivery_id,
        }
    message = {**shown, "app_badge": push.badge, "link": push.link, "data": custom_data(delivery)}
    return _encode({name: value for name, value in message.items() if value not in (None, "")})


def encrypted(
    text: bytes,
    subscription: Subscription,
    *,
    sender: EllipticCurvePrivateKey | None = None,
    salt: bytes | None = None,
) -> bytes:
    """`sender` and `salt` are new for each message, unless a test names those of the RFC."""
    body: bytes = http_ece.encrypt(
        text,
        salt=salt,
        private_key=sender or generate_private_key(SECP256R1()),
        dh=subscription.key,
        auth_secret=subscription.auth,
        version="aes128gcm",
    )
    return body
