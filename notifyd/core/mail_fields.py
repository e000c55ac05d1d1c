"""What may stand in a mail's fields. Each function says what is wrong, or None."""

from __future__ import annotations

import re

# RFC 5322: a field's name is printable ASCII but the colon; what SES takes of lengths, the strictest known.
_HEADER_NAME = re.compile(r"[!-9;-~]{1,126}")
_HEADER_VALUE = re.compile(r"[ -~]{1,995}")
_HEADER_CHARS_MAX = 996
_TAG = re.compile(r"[A-Za-z0-9_-]{1,256}")
# A field is one line. Besides CR, LF and NUL: whatever some program takes for an end of line or drops.
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")
# RFC 5322's limit for a line; no inbox shows a tenth of it.
_SUBJECT_CHARS_MAX = 998

# The provider and its config write these; a second one would be a second recipient, subject or body.
_WRITTEN_BY_THE_PROVIDER = re.compile(
    r"(?:from|sender|to|cc|bcc|subject|date|message-id|mime-version|return-path|received|dkim-signature"
    r"|authentication-results|content-.*|resent-.*|x-ses-.*)",
    re.IGNORECASE,
)


def subject_problem(subject: str) -> str | None:
    if not subject:
        return "is empty"
    if len(subject) > _SUBJECT_CHARS_MAX:
        return f"is {len(subject)} characters long, more than {_SUBJECT_CHARS_MAX}"
    return address_problem(subject)


def address_problem(value: str) -> str | None:
    """Of a sender, or of any other field of one line."""
    # What prints holds none, and asking for that takes a tenth of the time.
    if value.isprintable():
        return None
    if control := _CONTROL.search(value):
        return f"holds the control character {control[0]!r}"
    return None


def header_problem(name: str, value: str) -> str | None:
    if not _HEADER_NAME.fullmatch(name):
        return f"{name!r} is no header's name"
    if _WRITTEN_BY_THE_PROVIDER.fullmatch(name):
        return f"the header {name} is not a template's to set"
    if not _HEADER_VALUE.fullmatch(value) or len(name) + len(value) > _HEADER_CHARS_MAX:
        return f"the value of header {name} is not 1 to {_HEADER_CHARS_MAX - len(name)} printable ASCII characters"
    return None


def tag_problem(name: str, value: str) -> str | None:
    for text in (name, value):
        if not _TAG.fullmatch(text):
            return f"tag {name!r}: names and values are 1 to 256 of A–Z a–z 0–9 _ -"
    return None
