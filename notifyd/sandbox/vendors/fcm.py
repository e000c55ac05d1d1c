"""FCM HTTP v1 over HTTP/2: POST /v1/projects/{project}/messages:send with a bearer token of Google's OAuth."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any

import msgspec

from notifyd.sandbox.exchange import Answer, Refused, Request, Taken, json_answer
from notifyd.sandbox.faults import Refusal
from notifyd.sandbox.inbox import Inbox, Message
from notifyd.sandbox.vendors._fcm_message import FcmMessage, Send, in_snake_case
from notifyd.sandbox.vendors._forms import Malformed, bearer, content_type, decode_json

PAYLOAD_BYTES_MAX = 4096
TTL_MAX_S = 28 * 86_400
_TOKEN = re.compile(r"[A-Za-z0-9_:-]{32,4096}")
_DATA_RESERVED = frozenset({"from", "message_type"})
_DATA_PREFIXES_RESERVED = ("google.", "gcm.")
_FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
_BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"


def _error(code: int, status: str, message: str, *details: dict[str, Any], **headers: str) -> Answer:
    error = {"code": code, "message": message, "status": status}
    return json_answer({"error": error | ({"details": list(details)} if details else {})}, code, **headers)


def _fcm_error(code: int, status: str, error_code: str, message: str, **headers: str) -> Answer:
    return _error(code, status, message, {"@type": _FCM_ERROR, "errorCode": error_code}, **headers)


def _violation(field: str, what: str) -> Answer:
    """A payload that is wrong: no FcmError among its details."""
    violations = [{"field": field, "description": what}]
    return _error(400, "INVALID_ARGUMENT", what, {"@type": _BAD_REQUEST, "fieldViolations": violations})


class Fcm:
    """`unregistered`: tokens of apps that are no longer installed; `foreign`: of another sender's apps.
    `is_valid`: of the OAuth desk.
    """

    name = "fcm"
    refusals: Mapping[Refusal, Answer] = {
        Refusal.ADDRESS: _fcm_error(
            400, "INVALID_ARGUMENT", "INVALID_ARGUMENT",
            "The registration token is not a valid FCM registration token",
        ),
        Refusal.GONE: _fcm_error(404, "NOT_FOUND", "UNREGISTERED", "Requested entity was not found."),
        Refusal.MESSAGE: _violation("message", "Invalid value at 'message'"),
        Refusal.TOO_LARGE: _violation("message", "Android message is too big"),
        Refusal.CREDENTIALS: _error(
            401, "UNAUTHENTICATED", "Request had invalid authentication credentials."
        ),
        Refusal.SENDER: _error(
            403, "PERMISSION_DENIED", "Permission 'cloudmessaging.messages.create' denied on the project"
        ),
        Refusal.THROTTLED: _fcm_error(
            429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", "Message rate exceeded for this device.", retry_after="1"
        ),
        Refusal.QUOTA: _fcm_error(
            429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", "Quota exceeded for quota metric 'Send requests'",
            retry_after="60",
        ),
        Refusal.UNAVAILABLE: _fcm_error(
            503, "UNAVAILABLE", "UNAVAILABLE", "The service is currently unavailable.", retry_after="1"
        ),
    }  # fmt: skip

    def __init__(self, *, project_id: str, is_valid: Callable[[str], bool]) -> None:
        self.unregistered: set[str] = set()
        self.foreign: set[str] = set()
        self._project_id = project_id
        self._is_valid = is_valid
        self._path = f"/v1/projects/{project_id}/messages:send"
        self._numbers = count(1)

    def receive(self, request: Request, _inbox: Inbox[Message]) -> Taken | Answer:
        if not self._is_valid(bearer(request)):
            raise Refused(self.refusals[Refusal.CREDENTIALS])
        if request.path != self._path:
            raise Refused(_error(404, "NOT_FOUND", f"no such method: {request.path}"))
        if request.method != "POST":
            raise Refused(_error(405, "METHOD_NOT_ALLOWED", "POST only"))
        if content_type(request) != "application/json":
            raise Refused(_violation("", "Content-Type is not application/json"))
        send = _read(request.body)
        for flaw in self._flaws(send.message):
            raise Refused(flaw)
        name = f"projects/{self._project_id}/messages/0:{next(self._numbers):016}"
        answer = json_answer({"name": name})
        return answer if send.validate_only else Taken([_message(send.message, name)], answer)

    def _flaws(self, message: FcmMessage) -> Iterator[Answer]:
        targets = [target for target in (message.token, message.topic, message.condition) if target]
        if len(targets) != 1:
            yield _violation("message", "Recipient of the message is not set, or is not one")
        if message.token and not _TOKEN.fullmatch(message.token):
            yield self.refusals[Refusal.ADDRESS]
        if message.token in self.unregistered:
            yield self.refusals[Refusal.GONE]
        if message.token in self.foreign:
            yield _fcm_error(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH", "SenderId mismatch")
        for key in message.all_data():
            if key in _DATA_RESERVED or key.startswith(_DATA_PREFIXES_RESERVED):
                yield _violation("message.data", f"Invalid data payload key: {key}")
        if message.android is not None and float(message.android.ttl[:-1]) > TTL_MAX_S:
            yield _violation("message.android.ttl", "Invalid value at 'message.android.ttl' (over 28 days)")
        shown = [
            message.notification,
            message.android.notification if message.android else None,
            message.all_data(),
        ]
        if sum(len(msgspec.json.encode(part)) for part in shown if part) > PAYLOAD_BYTES_MAX:
            yield self.refusals[Refusal.TOO_LARGE]


def _read(body: bytes) -> Send:
    try:
        given = decode_json(body, dict[str, Any])
        return msgspec.convert(in_snake_case(given), Send)
    except Malformed as malformed:
        raise Refused(
            _error(400, "INVALID_ARGUMENT", f"Invalid JSON payload received. {malformed.what}")
        ) from malformed
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `$.")
        field = path.rstrip("`")
        if "unknown field" in what:
            name = what.rpartition("field ")[2].strip("`")
            what = f"Unknown name \"{name}\" at '{field or 'request'}': Cannot find field."
        raise Refused(_violation(field, f"Invalid JSON payload received. {what}")) from error


def _message(message: FcmMessage, name: str) -> Message:
    """The delivery id is the data's key of that name; Android's own notification covers the common one."""
    notification = message.notification
    android = message.android.notification if message.android else None
    content: dict[str, Any] = msgspec.to_builtins(message)
    return Message(
        address=message.token or message.topic or message.condition,
        delivery_id=message.all_data().get("delivery_id", ""),
        subject=(android and android.title) or (notification.title if notification else ""),
        text=(android and android.body) or (notification.body if notification else ""),
        message_id=name,
        content=content,
    )
