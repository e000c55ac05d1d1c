"""What HTTP answers mean where a vendor says no more, and how much of an answer is kept."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec

from notifyd.core.outcome import AddressGone, Deferred, Outcome, Reason, Rejected, Unknown
from notifyd.core.unreadable import UNREADABLE
from notifyd.errors import NotSent, TransportError, TurnedAway
from notifyd.providers._mail import short
from notifyd.wire.http_date import epoch_s
from notifyd.wire.public_only import NotPublic
from notifyd.wire.transport import Response

T = TypeVar("T")

_NEVER_AS_IT_IS = frozenset(
    {Reason.ADDRESS_INVALID, Reason.ON_SUPPRESSION_LIST, Reason.MESSAGE_REFUSED, Reason.PAYLOAD_TOO_LARGE}
)
# A path or method that the vendor does not have is a base_url that leads astray: ours to mend, as credentials are.
_STATUSES = {
    401: Reason.CREDENTIALS,
    402: Reason.ACCOUNT_PAUSED,
    403: Reason.CREDENTIALS,
    404: Reason.CREDENTIALS,
    405: Reason.CREDENTIALS,
    407: Reason.CREDENTIALS,
    408: Reason.PROVIDER_ERROR,
    410: Reason.CREDENTIALS,
    413: Reason.PAYLOAD_TOO_LARGE,
    425: Reason.PROVIDER_ERROR,
    429: Reason.THROTTLED,
}
_SECONDS = re.compile(r"[0-9]{1,10}")
_LOOKED_AT_CHARS_MAX = 1000
# Vendors repeat in words what they were sent.
_PERSONAL = re.compile(r"[^\s@<>\"',;:]+@[^\s@<>\"',;:]+|https?://[^\s\"'>]+|\+?\d[\d ()./-]{5,}\d", re.IGNORECASE)


def refusal(reason: Reason, said: str, retry_after_s: float | None = None) -> Outcome:
    """What was not accepted, by whose fault that is."""
    if reason is Reason.ADDRESS_GONE:
        return AddressGone(said)
    if reason in _NEVER_AS_IT_IS:
        return Rejected(reason, said)
    return Deferred(reason, retry_after_s, said)


def reason_of_status(status: int) -> Reason | None:
    """None: the status does not say whose fault it is."""
    return _STATUSES.get(status)


def by_status(answer: Response, said: str = "") -> Outcome:
    """Of an answer that no table of the vendor's knows, and that does not say that anything was taken."""
    status = answer.status
    said = f"HTTP {status} {said}".rstrip()
    pause_s = retry_after_s(answer)
    if status >= 500:
        # Whoever names a time to come back knows that he did nothing; else it may have been done.
        if status == 503 and pause_s is not None:
            return Deferred(Reason.PROVIDER_ERROR, pause_s, said)
        return Unknown(Reason.PROVIDER_ERROR, said)
    if status >= 400:
        return refusal(reason_of_status(status) or Reason.MESSAGE_REFUSED, said, pause_s)
    if status >= 300:
        return Deferred(Reason.CREDENTIALS, answer=f"{said}: a redirect, which is not followed")
    return Unknown(Reason.ANSWER_UNREADABLE, said)


def unanswered(error: TransportError) -> Outcome:
    """Of an attempt that brought no answer at all."""
    match error:
        case NotPublic():
            return Rejected(Reason.ADDRESS_INVALID, short(str(error)))
        case TurnedAway():
            return Deferred(Reason.TURNED_AWAY, answer=short(str(error)))
        case NotSent():
            return Deferred(Reason.NO_CONNECTION, answer=short(str(error)))
        case _:
            return Unknown(Reason.NO_ANSWER, short(str(error)))


def quoted(text: str) -> str:
    """A vendor's own words for rows and logs: short, on one line, without what might be an address."""
    return short(_PERSONAL.sub("<…>", " ".join(text[:_LOOKED_AT_CHARS_MAX].split())))


def retry_after_s(answer: Response) -> float | None:
    value = answer.headers.get("retry-after", "")
    if _SECONDS.fullmatch(value):
        return float(value)
    return _seconds_until(epoch_s(value), answer)


def rate_reset_s(answer: Response) -> float | None:
    """Until X-RateLimit-Reset, of a vendor that writes an epoch time there: others write a number of seconds."""
    value = answer.headers.get("x-ratelimit-reset", "")
    return _seconds_until(float(value) if _SECONDS.fullmatch(value) else None, answer)


def _seconds_until(time_s: float | None, answer: Response) -> float | None:
    """A time counts from the answer's own date: clocks may differ."""
    now_s = epoch_s(answer.headers.get("date", ""))
    return None if time_s is None or now_s is None else max(0.0, time_s - now_s)


def decoded(decoder: msgspec.json.Decoder[T], body: bytes) -> T | None:
    """None for what is no such JSON."""
    try:
        return decoder.decode(body)
    except UNREADABLE:
        return None
