"""A push service for browsers (RFC 8030) that has the browsers' keys as well, so it can read what they get.

It asks for VAPID (RFC 8292) with the key that the subscription was made for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import count
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from notifyd.sandbox.clients import Clock
from notifyd.sandbox.exchange import Answer, Refused, Request, Taken, json_answer
from notifyd.sandbox.faults import Refusal
from notifyd.sandbox.inbox import Inbox, Message
from notifyd.sandbox.vendors._forms import payload_fields
from notifyd.sandbox.vendors._jwt import BadToken, number, verified
from notifyd.sandbox.vendors._web_push_body import (
    Undecipherable,
    base64url,
    decrypted,
    from_base64url,
    point_of,
)

BODY_BYTES_MAX = 4096
TOKEN_LIFE_MAX_S = 86_400
_AUTH_BYTES = 16
_URGENCIES = frozenset({"very-low", "low", "normal", "high"})
_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,32}")
_VAPID = re.compile(r"vapid\s+(?=.*\bt=(?P<t>[^,\s]+))(?=.*\bk=(?P<k>[^,\s]+)).*", re.IGNORECASE)
# Tokens are shared by all pushes to an origin for hours; so many origins and renewals are remembered.
_TOKENS_MAX = 1000


class Keys(msgspec.Struct, frozen=True):
    p256dh: str
    auth: str


class Subscription(msgspec.Struct, frozen=True):
    """As a browser's PushSubscription.toJSON() gives it."""

    endpoint: str
    keys: Keys


class _Browser(msgspec.Struct):
    private_key: ec.EllipticCurvePrivateKey
    auth: bytes


def _error(errno: int, status: int, what: str, **headers: str) -> Answer:
    return json_answer({"code": status, "errno": errno, "error": what, "message": what}, status, **headers)


class WebPush:
    """`application_server_key`: the public VAPID key, base64url. `gone`: paths that were unsubscribed."""

    name = "web_push"
    refusals: Mapping[Refusal, Answer] = {
        Refusal.ADDRESS: _error(102, 404, "Endpoint not found"),
        Refusal.GONE: _error(106, 410, "Subscription has unsubscribed or expired"),
        Refusal.MESSAGE: _error(101, 400, "Bad request"),
        Refusal.TOO_LARGE: _error(104, 413, "Payload too large"),
        Refusal.CREDENTIALS: _error(109, 401, "Invalid VAPID token"),
        Refusal.SENDER: _error(110, 403, "VAPID public key mismatch"),
        Refusal.THROTTLED: _error(201, 429, "Too many requests", retry_after="1"),
        Refusal.UNAVAILABLE: _error(202, 503, "Service unavailable", retry_after="1"),
    }

    def __init__(self, *, application_server_key: str, clock: Clock) -> None:
        self.gone: set[str] = set()
        self._application_server_key = from_base64url(application_server_key)
        self._clock = clock
        self._browsers: dict[str, _Browser] = {}
        self._tokens: dict[tuple[str, str], dict[str, Any]] = {}
        self._subscriptions = count(1)
        self._numbers = count(1)

    def subscribe(self, origin: str) -> Subscription:
        """A browser's new subscription at this service, whose URL is `origin`."""
        number_ = next(self._subscriptions)
        key = ec.generate_private_key(ec.SECP256R1())
        # Whatever 16 bytes do: nobody guesses at loopback.
        browser = _Browser(key, number_.to_bytes(_AUTH_BYTES))
        path = f"/push/{number_:08}"
        self._browsers[path] = browser
        return Subscription(
            f"{origin}{path}", Keys(base64url(point_of(key.public_key())), base64url(browser.auth))
        )

    def receive(self, request: Request, _inbox: Inbox[Message]) -> Taken | Answer:
        if request.path in self.gone:
            raise Refused(self.refusals[Refusal.GONE])
        browser = self._browsers.get(request.path)
        if browser is None:
            raise Refused(self.refusals[Refusal.ADDRESS])
        if request.method != "POST":
            raise Refused(_error(101, 405, "POST only", allow="POST"))
        self._authorize(request)
        options = _options(request.headers)
        text = _text(request, browser)
        message_id = f"{next(self._numbers):016}"
        delivery_id, payload = payload_fields(text)
        message = Message(
            address=request.origin + request.path,
            delivery_id=delivery_id,
            text=text.decode(errors="replace"),
            message_id=message_id,
            content={"payload": payload, **options},
        )
        headers = {"location": f"{request.origin}/m/{message_id}", "ttl": options["ttl"]}
        return Taken([message], Answer(201, headers))

    def _authorize(self, request: Request) -> None:
        vapid = _VAPID.fullmatch(request.headers.get("authorization", ""))
        if vapid is None:
            raise Refused(_error(109, 401, "Authorization: vapid t=…, k=… is missing"))
        try:
            claims = self._claims(vapid["t"], vapid["k"])
            expires_s = number(claims, "exp")
        except (BadToken, ValueError) as error:
            raise Refused(_error(109, 401, f"Invalid VAPID token: {error}")) from error
        if from_base64url(vapid["k"]) != self._application_server_key:
            raise Refused(self.refusals[Refusal.SENDER])
        if claims.get("aud") != request.origin:
            raise Refused(
                _error(109, 401, f"aud is {claims.get('aud')}, the endpoint's origin is {request.origin}")
            )
        now_s = self._clock.now_s()
        if not now_s < expires_s <= now_s + TOKEN_LIFE_MAX_S:
            raise Refused(_error(109, 401, "exp is over, or more than 24 h away"))
        if not str(claims.get("sub", "")).startswith(("mailto:", "https:")):
            raise Refused(_error(109, 401, "sub is no mailto: or https: contact"))

    def _claims(self, token: str, key: str) -> dict[str, Any]:
        """Raises BadToken, ValueError."""
        known = self._tokens.get((token, key))
        if known is None:
            point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), from_base64url(key))
            _, known = verified(token, point, "ES256")
            if len(self._tokens) >= _TOKENS_MAX:
                self._tokens.clear()
            self._tokens[token, key] = known
        return known


def _options(headers: Mapping[str, str]) -> dict[str, str]:
    ttl, urgency, topic = headers.get("ttl"), headers.get("urgency", "normal"), headers.get("topic")
    if ttl is None or not ttl.isdecimal():
        raise Refused(_error(111, 400, "TTL is missing or no number of seconds"))
    if urgency not in _URGENCIES:
        raise Refused(_error(101, 400, f"Urgency {urgency} is none of {', '.join(sorted(_URGENCIES))}"))
    if topic is not None and not _TOPIC.fullmatch(topic):
        raise Refused(_error(113, 400, "Topic has not 1 to 32 characters of base64url"))
    return {"ttl": ttl, "urgency": urgency} | ({} if topic is None else {"topic": topic})


def _text(request: Request, browser: _Browser) -> bytes:
    if len(request.body) > BODY_BYTES_MAX:
        raise Refused(_error(104, 413, f"{len(request.body)} bytes, {BODY_BYTES_MAX} at most"))
    if not request.body:
        return b""
    if request.headers.get("content-encoding") != "aes128gcm":
        raise Refused(_error(110, 415, "Content-Encoding is not aes128gcm"))
    try:
        return decrypted(request.body, browser.private_key, browser.auth)
    except Undecipherable as error:
        raise Refused(_error(110, 400, str(error))) from error
