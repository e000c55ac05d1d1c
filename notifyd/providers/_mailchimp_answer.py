"""What Mailchimp's answers mean: errors of the call have names, each recipient's status stands below HTTP 200.

What it holds back (quota, a paused account) is in its hands and may still go out: neither accepted nor refused.
"""

from __future__ import annotations

import msgspec

from notifyd.core.outcome import Accepted, Outcome, Reason, Rejected, Unknown
from notifyd.providers._http_answer import by_status, decoded, quoted, refusal
from notifyd.wire.transport import Response

_CALLS = {
    "Invalid_Key": Reason.CREDENTIALS,
    "PaymentRequired": Reason.ACCOUNT_PAUSED,
    "ServiceUnavailable": Reason.PROVIDER_ERROR,
    "Unknown_Subaccount": Reason.SENDER_REFUSED,
    "ValidationError": Reason.MESSAGE_REFUSED,
}
_REJECTED = {
    "custom": Reason.ON_SUPPRESSION_LIST,
    "hard-bounce": Reason.ON_SUPPRESSION_LIST,
    "invalid": Reason.ADDRESS_INVALID,
    "invalid-sender": Reason.SENDER_REFUSED,
    "recipient": Reason.ON_SUPPRESSION_LIST,
    "recipient-domain-mismatch": Reason.SENDER_REFUSED,  # a demo account sends to domains of its own only
    "rule": Reason.MESSAGE_REFUSED,
    "soft-bounce": Reason.ON_SUPPRESSION_LIST,
    "spam": Reason.ON_SUPPRESSION_LIST,
    "test-mode-limit": Reason.QUOTA,
    "unsigned": Reason.SENDER_REFUSED,
    "unsub": Reason.ON_SUPPRESSION_LIST,
}
# Words in a queued_reason: hourly-quota-exhausted, monthly-limit-reached, sending-suspended, …
_HELD = {
    "quota": Reason.QUOTA,
    "limit": Reason.QUOTA,
    "exhausted": Reason.QUOTA,
    "paused": Reason.ACCOUNT_PAUSED,
    "suspended": Reason.ACCOUNT_PAUSED,
}


class _Result(msgspec.Struct):
    status: str
    id: str = msgspec.field(name="_id", default="")
    reject_reason: str | None = None
    queued_reason: str | None = None


class _CallError(msgspec.Struct):
    name: str
    message: str = ""


_results = msgspec.json.Decoder(list[_Result])
_call_error = msgspec.json.Decoder(_CallError)


def sent_outcome(answer: Response) -> Outcome:
    """Of a call for one recipient."""
    if answer.status != 200:
        return _refused_call(answer)
    results = decoded(_results, answer.body)
    if results is None or len(results) != 1:
        return Unknown(Reason.ANSWER_UNREADABLE, "HTTP 200 without one status for one recipient")
    return _outcome(results[0])


def error_name(answer: Response) -> str:
    error = decoded(_call_error, answer.body)
    return "" if error is None else error.name


def _outcome(result: _Result) -> Outcome:
    match result.status:
        case "sent" | "scheduled":
            return Accepted(result.id)
        case "queued":
            why = result.queued_reason or ""
            held = next((reason for word, reason in _HELD.items() if word in why), None)
            return Accepted(result.id) if held is None else Unknown(held, quoted(f"queued: {why}"))
        case "rejected":
            why = result.reject_reason or ""
            return refusal(_REJECTED.get(why, Reason.MESSAGE_REFUSED), quoted(f"rejected: {why}"))
        case "invalid":
            return Rejected(Reason.ADDRESS_INVALID, "invalid")
        case status:
            return Unknown(Reason.ANSWER_UNREADABLE, quoted(f"the status {status!r}"))


def _refused_call(answer: Response) -> Outcome:
    error = decoded(_call_error, answer.body)
    if error is None:
        return by_status(answer)
    said = quoted(f"{error.name}: {error.message}")
    reason = _CALLS.get(error.name)
    return by_status(answer, said) if reason is None else refusal(reason, said)
