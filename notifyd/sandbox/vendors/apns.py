"""APNs over HTTP/2: POST /3/device/{token}, with a provider token (JWT, ES256)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from notifyd.sandbox.clients import Clock
from notifyd.sandbox.exchange import Answer, Refused, Request, Taken, json_answer
from notifyd.sandbox.faults import Refusal
from notifyd.sandbox.inbox import Inbox, Message
from notifyd.sandbox.vendors._apns_tokens import ApnsTokens, BadProviderToken
from notifyd.sandbox.vendors._forms import delivery_id_of

PAYLOAD_BYTES_MAX = 4096
VOIP_PAYLOAD_BYTES_MAX = 5120
COLLAPSE_ID_BYTES_MAX = 64
# Tokens have no promised length: those of today have 32 bytes.
_DEVICE_TOKEN = re.compile(r"(?:[0-9a-fA-F]{2}){32,100}")
_APNS_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_PUSH_TYPES = frozenset(
    {"alert", "background", "location", "voip", "complication", "fileprovider", "mdm", "liveactivity"}
    | {"pushtotalk", "widgets", "controls"}
)
# What the topic of a push type ends with, after the app's bundle id.
_TOPIC_SUFFIXES = {
    "location": ".location-query",
    "voip": ".voip",
    "complication": ".complication",
    "fileprovider": ".pushkit.fileprovider",
    "liveactivity": ".push-type.liveactivity",
    "pushtotalk": ".voip-ptt",
    "widgets": ".push-type.widgets",
    "controls": ".push-type.controls",
}


def _error(status: int, reason: str, **fields: int) -> Answer:
    return json_answer({"reason": reason, **fields}, status)


class Apns:
    """`topics`: bundle ids of the key's team. `unregistered`: device token → when, in epoch ms."""

    name = "apns"
    refusals: Mapping[Refusal, Answer] = {
        Refusal.ADDRESS: _error(400, "BadDeviceToken"),
        Refusal.GONE: _error(410, "Unregistered", timestamp=1_700_000_000_000),
        Refusal.MESSAGE: _error(400, "BadExpirationDate"),
        Refusal.TOO_LARGE: _error(413, "PayloadTooLarge"),
        Refusal.CREDENTIALS: _error(403, "InvalidProviderToken"),
        Refusal.SENDER: _error(400, "TopicDisallowed"),
        Refusal.THROTTLED: _error(429, "TooManyRequests"),
        Refusal.QUOTA: _error(429, "TooManyProviderTokenUpdates"),
        Refusal.UNAVAILABLE: _error(503, "ServiceUnavailable"),
    }

    def __init__(
        self, *, topics: set[str], key_id: str, team_id: str, public_key: ec.EllipticCurvePublicKey, clock: Clock
    ) -> None:
        self.topics = topics
        self.unregistered: dict[str, int] = {}
        self._tokens = ApnsTokens(key_id=key_id, team_id=team_id, public_key=public_key, clock=clock)
        self._numbers = count(1)

    def receive(self, request: Request, _inbox: Inbox[Message]) -> Taken | Answer:
        apns_id = request.headers.get("apns-id", "")
        if not apns_id or not _APNS_ID.fullmatch(apns_id):
            given, apns_id = apns_id, f"00000000-0000-4000-8000-{next(self._numbers):012X}"
            if given:
                raise Refused(_with_id(_error(400, "BadMessageId"), apns_id))
        try:
            return self._push(request, apns_id)
        except Refused as refused:
            raise Refused(_with_id(refused.answer, apns_id)) from refused

    def _push(self, request: Request, apns_id: str) -> Taken:
        folder, _, device = request.path.rpartition("/")
        if folder != "/3/device":
            raise Refused(_error(404, "BadPath"))
        if request.method != "POST":
            raise Refused(_error(405, "MethodNotAllowed"))
        try:
            self._tokens.check(request.headers.get("authorization", ""), request.connection)
        except BadProviderToken as bad:
            raise Refused(_error(bad.status, str(bad))) from bad
        headers = request.headers
        for reason in self._header_flaws(device, headers):
            raise Refused(_error(400, reason))
        if device in self.unregistered:
            raise Refused(_error(410, "Unregistered", timestamp=self.unregistered[device]))
        payload = _payload(request.body, headers["apns-push-type"])
        for reason in _background_flaws(headers, payload):
            raise Refused(_error(400, reason))
        alert = payload.get("aps", {}).get("alert", "")
        message = Message(
            address=device,
            delivery_id=delivery_id_of(payload),
            subject=alert.get("title", "") if isinstance(alert, dict) else "",
            text=alert.get("body", "") if isinstance(alert, dict) else str(alert),
            message_id=apns_id,
            content={
                "payload": payload,
                "headers": {name: value for name, value in headers.items() if name.startswith("apns-")},
            },
        )
        return Taken([message], Answer(200, {"apns-id": apns_id}))

    def _header_flaws(self, device: str, headers: Mapping[str, str]) -> Iterator[str]:
        """In APNs' words."""
        if not device:
            yield "MissingDeviceToken"
        if not _DEVICE_TOKEN.fullmatch(device):
            yield "BadDeviceToken"
        topic, push_type = headers.get("apns-topic"), headers.get("apns-push-type", "")
        if push_type not in _PUSH_TYPES:
            yield "InvalidPushType"
        if topic is None:
            yield "MissingTopic"
        else:
            suffix = _TOPIC_SUFFIXES.get(push_type, "")
            if topic.removesuffix(suffix) not in self.topics or not topic.endswith(suffix):
                yield "TopicDisallowed"
        if headers.get("apns-priority", "10") not in {"1", "5", "10"}:
            yield "BadPriority"
        if not headers.get("apns-expiration", "0").isdecimal():
            yield "BadExpirationDate"
        if len(headers.get("apns-collapse-id", "").encode("latin-1")) > COLLAPSE_ID_BYTES_MAX:
            yield "BadCollapseId"


def _with_id(answer: Answer, apns_id: str) -> Answer:
    return answer._replace(headers={**answer.headers, "apns-id": apns_id})


def _payload(body: bytes, push_type: str) -> dict[str, Any]:
    """What lacks `aps` is empty to APNs, as is what it cannot read."""
    if len(body) > (VOIP_PAYLOAD_BYTES_MAX if push_type == "voip" else PAYLOAD_BYTES_MAX):
        raise Refused(_error(413, "PayloadTooLarge"))
    try:
        payload = msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise Refused(_error(400, "PayloadEmpty")) from error
    if not isinstance(payload, dict) or not isinstance(payload.get("aps", {} if "mdm" in payload else None), dict):
        raise Refused(_error(400, "PayloadEmpty"))
    return payload


def _background_flaws(headers: Mapping[str, str], payload: dict[str, Any]) -> Iterator[str]:
    """A background push wakes the app and shows nothing; what shows something is none."""
    aps = payload.get("aps", {})
    shows = bool({"alert", "badge", "sound"} & aps.keys())
    if headers["apns-push-type"] == "background":
        if shows or aps.get("content-available") != 1:
            yield "InvalidPushType"
        if headers.get("apns-priority", "10") == "10":
            yield "BadPriority"
    if headers["apns-push-type"] == "alert" and not shows:
        yield "InvalidPushType"
