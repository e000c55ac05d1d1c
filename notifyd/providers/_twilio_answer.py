"""What Twilio's answers mean, by whose fault, and what a list of messages tells of one.

Codes: Twilio's "Error and Warning Dictionary".
"""

from __future__ import annotations

import msgspec

from notifyd.core.look_up import CannotTell, Found, NotTaken, Taken
from notifyd.core.outcome import Accepted, Outcome, Reason, Unknown
from notifyd.providers._http_answer import by_status, decoded, quoted, refusal, retry_after_s
from notifyd.wire.http_date import epoch_s
from notifyd.wire.transport import Response

_CODES = {
    10001: Reason.ACCOUNT_PAUSED,
    10002: Reason.ACCOUNT_PAUSED,  # a trial account
    20003: Reason.CREDENTIALS,
    20005: Reason.ACCOUNT_PAUSED,
    20404: Reason.CREDENTIALS,  # the account in the path
    20429: Reason.THROTTLED,
    21211: Reason.ADDRESS_INVALID,
    21212: Reason.SENDER_REFUSED,  # From is no number and no name, or on a list of numbers that send nothing
    21217: Reason.ADDRESS_INVALID,
    21264: Reason.SENDER_REFUSED,
    21265: Reason.ADDRESS_INVALID,  # a short code
    21266: Reason.ADDRESS_INVALID,
    21267: Reason.SENDER_REFUSED,  # a trial account sends from no name
    21408: Reason.SENDER_REFUSED,  # the country is not switched on
    21601: Reason.SENDER_REFUSED,
    21602: Reason.MESSAGE_REFUSED,
    21603: Reason.SENDER_REFUSED,
    21604: Reason.ADDRESS_INVALID,
    21605: Reason.PAYLOAD_TOO_LARGE,
    21606: Reason.SENDER_REFUSED,
    21607: Reason.SENDER_REFUSED,
    21608: Reason.SENDER_REFUSED,  # a trial account sends to verified numbers only
    21609: Reason.SENDER_REFUSED,  # StatusCallback
    21610: Reason.ON_SUPPRESSION_LIST,
    21611: Reason.THROTTLED,  # the sender's queue is full
    21612: Reason.SENDER_REFUSED,  # this sender does not reach this number
    21614: Reason.ADDRESS_INVALID,
    21616: Reason.SENDER_REFUSED,
    21617: Reason.PAYLOAD_TOO_LARGE,
    21618: Reason.MESSAGE_REFUSED,
    21619: Reason.MESSAGE_REFUSED,
    21624: Reason.MESSAGE_REFUSED,
    21635: Reason.ADDRESS_INVALID,  # a landline
    21657: Reason.SENDER_REFUSED,
    21659: Reason.SENDER_REFUSED,
    21660: Reason.SENDER_REFUSED,
    21661: Reason.SENDER_REFUSED,
    21662: Reason.SENDER_REFUSED,
    21663: Reason.SENDER_REFUSED,
    21668: Reason.SENDER_REFUSED,
    21701: Reason.SENDER_REFUSED,
    21702: Reason.SENDER_REFUSED,
    21703: Reason.SENDER_REFUSED,
    21704: Reason.SENDER_REFUSED,
    21705: Reason.SENDER_REFUSED,
    21708: Reason.SENDER_REFUSED,  # the messaging service has no name to send by
    21709: Reason.SENDER_REFUSED,
    21711: Reason.SENDER_REFUSED,
    21730: Reason.PROVIDER_ERROR,  # maintenance
    30001: Reason.THROTTLED,
    30002: Reason.ACCOUNT_PAUSED,
    63038: Reason.QUOTA,
}
_FAILED = frozenset({"failed", "undelivered", "canceled"})
# Clocks agree within this, the date's whole second included.
_CLOCK_SLACK_S = 6.0


class _Message(msgspec.Struct):
    sid: str = ""
    status: str = ""
    body: str | None = ""
    date_created: str | None = ""
    direction: str = ""
    error_code: int | None = None


class _Page(msgspec.Struct):
    messages: list[_Message]
    next_page_uri: str | None = None


class _Error(msgspec.Struct):
    code: int = 0
    message: str = ""


_message = msgspec.json.Decoder(_Message)
_page = msgspec.json.Decoder(_Page)
_error = msgspec.json.Decoder(_Error)


def sent_outcome(answer: Response) -> Outcome:
    if answer.status in {200, 201}:
        return _taken(answer)
    error = decoded(_error, answer.body) or _Error()
    said = quoted(f"{error.code}: {error.message}") if error.code else ""
    reason = _CODES.get(error.code) if answer.status < 500 else None
    if reason is None:
        return by_status(answer, said)
    return refusal(reason, said, retry_after_s(answer))


def found(answer: Response, text: str | None, since_s: float) -> Found:
    """Of the newest messages to one number. One that alone has our words is taken for ours."""
    page = decoded(_page, answer.body) if answer.status == 200 else None
    if page is None:
        return CannotTell(f"the list of messages answered HTTP {answer.status}")
    younger = [message for message in page.messages if _created_s(message) >= since_s - _CLOCK_SLACK_S]
    if page.next_page_uri is not None and len(younger) == len(page.messages):
        return CannotTell(f"more than {len(younger)} messages went to the number since")
    ours = [message for message in younger if text is not None and message.body == text]
    if len(ours) == 1:
        return Taken(ours[0].sid)
    if younger:
        return CannotTell(f"{len(younger)} messages went to the number since, {len(ours)} with these words")
    return NotTaken()


def _taken(answer: Response) -> Outcome:
    message = decoded(_message, answer.body)
    if message is None or not message.sid:
        return Unknown(Reason.ANSWER_UNREADABLE, f"HTTP {answer.status} without a Message")
    if message.status in _FAILED:
        reason = _CODES.get(message.error_code or 0, Reason.MESSAGE_REFUSED)
        return refusal(reason, f"{message.status}: {message.error_code}")
    return Accepted(message.sid)


def _created_s(message: _Message) -> float:
    """A message without a readable date may be ours."""
    created_s = epoch_s(message.date_created or "")
    return float("inf") if created_s is None else created_s
