"""What FCM's answers mean, by whose fault: "ErrorCode" of its HTTP v1 API.

A status covers too much: 400 is a bad message and a bad token, 404 a dead token and a project that is not there.
Only details[] of type FcmError tell.
"""

from __future__ import annotations

import msgspec

from notifyd.core.outcome import Accepted, AddressGone, Outcome, Reason, Unknown
from notifyd.providers._http_answer import decoded, reason_of_status, refusal, retry_after_s
from notifyd.providers._mail import short
from notifyd.wire.transport import Response

FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
_BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
_TOKEN_FIELD = "message.token"  # noqa: S105 - the name of a field
_QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
_QUOTA_FAILURE = "type.googleapis.com/google.rpc.QuotaFailure"
# Three quotas have one code: the project's, a device's, a topic's. The failure's subject names which, or the text.
_DEVICE = "device"
_CODES = {
    "SENDER_ID_MISMATCH": Reason.ADDRESS_INVALID,  # a token of another project's: nobody's is removed for it
    _QUOTA_EXCEEDED: Reason.THROTTLED,
    "UNAVAILABLE": Reason.PROVIDER_ERROR,
    "THIRD_PARTY_AUTH_ERROR": Reason.CREDENTIALS,
}
# Size has neither a code nor a field of its own: only the text tells.
_TOO_LARGE = "too big"
_STATUSES = {
    400: Reason.MESSAGE_REFUSED,
    404: Reason.SENDER_REFUSED,  # the project, where no FcmError speaks of the token
}


class _Violation(msgspec.Struct):
    field: str = ""


class _Exceeded(msgspec.Struct):
    subject: str = ""
    description: str = ""


class _Detail(msgspec.Struct):
    type: str = msgspec.field(default="", name="@type")
    error_code: str = msgspec.field(default="", name="errorCode")
    violations: list[_Violation] = msgspec.field(default_factory=list, name="fieldViolations")
    exceeded: list[_Exceeded] = msgspec.field(default_factory=list, name="violations")


class _Error(msgspec.Struct):
    status: str = ""
    message: str = ""
    details: list[_Detail] = []

    @property
    def code(self) -> str:
        """FCM's own, where it gives one."""
        return next((detail.error_code for detail in self.details if detail.type == FCM_ERROR), "")

    @property
    def fields(self) -> set[str]:
        """What of the request was wrong, where it says so."""
        return {
            violation.field
            for detail in self.details
            if detail.type == _BAD_REQUEST
            for violation in detail.violations
        }

    @property
    def is_of_one_device(self) -> bool:
        """It got too many; the account is as fast as before."""
        told = [
            text
            for detail in self.details
            if detail.type == _QUOTA_FAILURE
            for one in detail.exceeded
            for text in (one.subject, one.description)
        ]
        return self.code == _QUOTA_EXCEEDED and any(_DEVICE in text.lower() for text in (self.message, *told))


class _Refusal(msgspec.Struct):
    error: _Error


class _Taken(msgspec.Struct):
    name: str


_REFUSAL = msgspec.json.Decoder(_Refusal)
_TAKEN = msgspec.json.Decoder(_Taken)


def outcome_of(response: Response) -> Outcome:
    if response.status == 200:
        taken = decoded(_TAKEN, response.body)
        return Unknown(Reason.ANSWER_UNREADABLE) if taken is None else Accepted(taken.name)
    error = _error_of(response)
    text = short(f"{response.status} {error.status} {error.code}".rstrip())
    if error.code == "UNREGISTERED":
        return AddressGone(text)
    reason = _reason(response.status, error)
    if reason is not None:
        return refusal(reason, text, retry_after_s(response))
    # 500 INTERNAL says no more, and anything else is not of FCM.
    return Unknown(Reason.PROVIDER_ERROR if response.status >= 500 else Reason.ANSWER_UNREADABLE, text)


def refuses_access_token(response: Response) -> bool:
    """Where FcmError speaks, it is of the credentials for APNs or a browser, not of ours."""
    return response.status == 401 and not _error_of(response).code


def _error_of(response: Response) -> _Error:
    refusal = decoded(_REFUSAL, response.body)
    return refusal.error if refusal is not None else _Error()


def _reason(status: int, error: _Error) -> Reason | None:
    if status == 400 and _TOO_LARGE in error.message:
        return Reason.PAYLOAD_TOO_LARGE
    if status == 400 and (error.code or error.fields):
        # FcmError alone is about the token; with a list of fields, the list tells.
        about_token = error.fields <= {_TOKEN_FIELD}
        return Reason.ADDRESS_INVALID if about_token else Reason.MESSAGE_REFUSED
    if error.is_of_one_device:
        return Reason.RECIPIENT_UNAVAILABLE
    return _CODES.get(error.code) or _STATUSES.get(status) or reason_of_status(status)
