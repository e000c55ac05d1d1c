"""What SES's answers mean, by whose fault. Statuses and codes are those of botocore's sesv2 model.

What an operator can mend (sender, account, credentials) is deferred, never rejected: nobody's mail is given up
for our own config.
"""

from __future__ import annotations

import msgspec

from notifyd.core.outcome import Accepted, Deferred, Outcome, Reason, Unknown
from notifyd.core.unreadable import UNREADABLE
from notifyd.errors import AwsError, NotSent, TransportError
from notifyd.providers._aws_answer import common_reason
from notifyd.providers._http_answer import refusal
from notifyd.providers._mail import short

_REFUSED = {
    # of an entry of a bulk answer
    "MESSAGE_REJECTED": Reason.MESSAGE_REFUSED,
    "INVALID_PARAMETER": Reason.MESSAGE_REFUSED,
    "TEMPLATE_NOT_FOUND": Reason.MESSAGE_REFUSED,
    "MAIL_FROM_DOMAIN_NOT_VERIFIED": Reason.SENDER_REFUSED,
    "CONFIGURATION_SET_NOT_FOUND": Reason.SENDER_REFUSED,
    "INVALID_SENDING_POOL_NAME": Reason.SENDER_REFUSED,
    "ACCOUNT_SUSPENDED": Reason.ACCOUNT_PAUSED,
    "ACCOUNT_SENDING_PAUSED": Reason.ACCOUNT_PAUSED,
    "CONFIGURATION_SET_SENDING_PAUSED": Reason.ACCOUNT_PAUSED,
    "ACCOUNT_THROTTLED": Reason.THROTTLED,
    "ACCOUNT_DAILY_QUOTA_EXCEEDED": Reason.QUOTA,
    "TRANSIENT_FAILURE": Reason.PROVIDER_ERROR,
    "FAILED": Reason.PROVIDER_ERROR,
    # of a whole call
    "MessageRejected": Reason.MESSAGE_REFUSED,
    "BadRequestException": Reason.MESSAGE_REFUSED,
    "MailFromDomainNotVerifiedException": Reason.SENDER_REFUSED,
    "NotFoundException": Reason.SENDER_REFUSED,  # the configuration set: templates are inline
    "AccountSuspendedException": Reason.ACCOUNT_PAUSED,
    "SendingPausedException": Reason.ACCOUNT_PAUSED,
}
# SES has one code for both, and the one where it could have the other: only its text tells.
_DAILY_QUOTA = "daily message quota"
_NOT_VERIFIED = "not verified"


class _EntryResult(msgspec.Struct, rename="pascal"):
    status: str = ""
    error: str | None = None
    message_id: str | None = None


class _BulkAnswer(msgspec.Struct, rename="pascal"):
    bulk_email_entry_results: list[_EntryResult]


class _SingleAnswer(msgspec.Struct, rename="pascal"):
    message_id: str


_decode_bulk = msgspec.json.Decoder(_BulkAnswer).decode
_decode_single = msgspec.json.Decoder(_SingleAnswer).decode


def bulk_outcomes(answer: bytes, mails: int) -> list[Outcome]:
    """By position, as SES does not repeat the recipients: another length makes the whole call unknown."""
    try:
        results = _decode_bulk(answer).bulk_email_entry_results
    except UNREADABLE as error:
        return [Unknown(Reason.ANSWER_UNREADABLE, str(error))] * mails
    if len(results) != mails:
        return [Unknown(Reason.ANSWER_UNREADABLE, f"{len(results)} results for {mails} mails")] * mails
    return [_entry_outcome(result) for result in results]


def single_outcome(answer: bytes) -> Outcome:
    try:
        return Accepted(_decode_single(answer).message_id)
    except UNREADABLE as error:
        return Unknown(Reason.ANSWER_UNREADABLE, str(error))


def call_outcome(error: AwsError | TransportError) -> Outcome:
    """What a call that raised means for each of its mails."""
    match error:
        case AwsError():
            return _refused_call(error)
        case NotSent():
            return Deferred(Reason.NO_CONNECTION, answer=short(str(error)))
        case TransportError():
            return Unknown(Reason.NO_ANSWER, short(str(error)))


def _entry_outcome(result: _EntryResult) -> Outcome:
    if result.status == "SUCCESS":
        return Accepted(result.message_id or "")
    reason = _REFUSED.get(result.status)
    if reason is None:
        return Unknown(Reason.ANSWER_UNREADABLE, short(f"the status {result.status!r}"))
    return _refusal(reason, short(f"{result.status}: {result.error or ''}"))


def _refused_call(error: AwsError) -> Outcome:
    answer = short(f"{error.code}: {error.message}")
    if error.status < 400:
        return Unknown(Reason.ANSWER_UNREADABLE, answer)
    reason = _REFUSED.get(error.code) or common_reason(error)
    if reason is None and error.status >= 500:
        return Unknown(Reason.PROVIDER_ERROR, answer)
    return _refusal(reason or Reason.MESSAGE_REFUSED, answer)


def _refusal(reason: Reason, answer: str) -> Outcome:
    text = answer.lower()
    if reason is Reason.THROTTLED and _DAILY_QUOTA in text:
        reason = Reason.QUOTA
    elif reason is Reason.MESSAGE_REFUSED and _NOT_VERIFIED in text:
        reason = Reason.SENDER_REFUSED
    return refusal(reason, answer)
