"""What every SMS provider asks of a number and a text before it makes a request."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated

import phonenumbers
from pydantic import AfterValidator

from notifyd.config_values import wrong
from notifyd.core.message import Delivery, Sms, message_of
from notifyd.core.outcome import Reason, Rejected
from notifyd.core.sms_segments import count, shorten

# Ten parts of UCS-2 are 670 characters, of GSM-7 1,530: below the 1,600 that Twilio and SNS take.
SEGMENTS_MAX = 10
# With what people write between the digits. The library would also take letters, extensions and what is around.
_WRITTEN_NUMBER = re.compile(r"\+[0-9][0-9 ()./-]{5,30}")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_SHORT_CODE = re.compile(r"[0-9]{3,8}")
_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 -]{1,11}")


@lru_cache(maxsize=16_384)
def number_of(address: str) -> str | Rejected:
    """In E.164. Only what begins with its country's code: a national number is somebody else's elsewhere."""
    if not _WRITTEN_NUMBER.fullmatch(address):
        return Rejected(Reason.ADDRESS_INVALID, "it is no phone number that begins with + and its country's code")
    try:
        parsed = phonenumbers.parse(address)
    except phonenumbers.NumberParseException:
        return Rejected(Reason.ADDRESS_INVALID, "it is no phone number")
    if not phonenumbers.is_valid_number(parsed):
        return Rejected(Reason.ADDRESS_INVALID, "no network has such a number")
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def text_of(delivery: Delivery, segments_max: int) -> str | Rejected:
    """Cut to `segments_max` parts where the template allows it."""
    sms = message_of(delivery, Sms)
    segments = count(sms.text).segments
    if segments <= segments_max:
        return sms.text
    if sms.shorten:
        return shorten(sms.text, segments_max)
    return Rejected(Reason.PAYLOAD_TOO_LARGE, f"{segments} segments; at most {segments_max} are sent")


def seconds_left(delivery: Delivery, now_s: float, *, least_s: int, most_s: int) -> int:
    """How long the vendor may go on trying, within what it takes."""
    return int(min(max(delivery.deadline_at_s - now_s, least_s), most_s))


def _checked_sender(sender: str) -> str:
    if _E164.fullmatch(sender) or _SHORT_CODE.fullmatch(sender) or _NAME.fullmatch(sender):
        return sender
    mend = "write a number like +15551234567, a short code, or a name of up to 11 letters and digits"
    raise wrong(f"is {sender!r}", mend)


SmsSender = Annotated[str, AfterValidator(_checked_sender)]
