"""An address of web push: what PushSubscription.toJSON() gives in a browser. A user wrote it."""

from __future__ import annotations

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey

from notifyd.core.outcome import Reason, Rejected
from notifyd.providers._vapid import from_base64url
from notifyd.wire.http1_target import Target, target_of

_AUTH_BYTES = 16


class _Keys(msgspec.Struct):
    p256dh: str
    auth: str


class _Json(msgspec.Struct):
    endpoint: str
    keys: _Keys


class Subscription(msgspec.Struct, frozen=True):
    """`key` and `auth`: the browser's, by which only it can read a message."""

    target: Target
    key: EllipticCurvePublicKey
    auth: bytes


_decode = msgspec.json.Decoder(_Json).decode


def origin_of(address: str) -> str | None:
    """Of the push service; None for what names none."""
    try:
        return target_of(_decode(address).endpoint).origin
    except (ValueError, RecursionError):
        return None


def subscription_of(address: str, *, http_allowed: bool) -> Subscription | Rejected:
    try:
        given = _decode(address)
        target = target_of(given.endpoint)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return _refused("is no JSON of a PushSubscription (endpoint, keys.p256dh, keys.auth)")
    except ValueError as error:
        return _refused(f"has no endpoint to send to: {error}")
    if not (target.tls or http_allowed):
        return _refused("has an endpoint without TLS")
    auth, point = from_base64url(given.keys.auth), from_base64url(given.keys.p256dh)
    if auth is None or len(auth) != _AUTH_BYTES:
        return _refused("has no auth secret of 16 bytes")
    try:
        key = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), point or b"")
    except ValueError:
        return _refused("has no p256dh that is a point of P-256")
    return Subscription(target, key, auth)


def _refused(why: str) -> Rejected:
    return Rejected(Reason.ADDRESS_INVALID, f"the subscription {why}")
