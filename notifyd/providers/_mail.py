"""What is asked of an address and of a mail before a request is made: what fails here touches that mail alone."""

from __future__ import annotations

import re
from email.header import Header
from email.utils import formataddr, getaddresses
from functools import lru_cache
from typing import Annotated

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email
from pydantic import AfterValidator

from notifyd.config_values import wrong
from notifyd.core.message import Email
from notifyd.core.outcome import Reason, Rejected

# The library takes 49 µs an address, these 0.4, and pass only what the library returns unchanged. An
# address of up to 64 characters has no local part over 64 and no label over 63.
_plain_local = re.compile(r"[\w+-]+(?:\.[\w+-]+)*", re.ASCII).fullmatch
_PLAIN_DOMAIN = re.compile(r"(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+[a-z]{2,}", re.ASCII)
_PLAIN_CHARS_MAX = 64
_SPECIAL_USE = tuple(f".{name}" for name in SPECIAL_USE_DOMAIN_NAMES)

_HEADER_NAME = re.compile(r"[!-9;-~]{1,126}")
# RFC 5322 allows a line 998 characters, SES one header's name and value 996 together.
_HEADER_CHARS_MAX = 996
_TAG_PART = re.compile(r"[A-Za-z0-9_-]{1,256}")
# Of what a provider says, this much is kept: it goes into rows and messages of bounded size.
_ANSWER_CHARS_MAX = 500
_MADE_BY_US = frozenset({"from", "sender", "to", "cc", "bcc", "subject", "date", "message-id", "return-path"})


def mailbox(address: str) -> str | Rejected:
    """The address as it goes on the wire: local part in 7-bit ASCII, domain in Punycode."""
    local, _, domain = address.partition("@")
    if len(address) <= _PLAIN_CHARS_MAX and _plain_local(local) and _is_plain_domain(domain):
        return address
    return _examined(address)


# Millions of people have their mail at a handful of places.
@lru_cache(maxsize=4096)
def _is_plain_domain(domain: str) -> bool:
    return _PLAIN_DOMAIN.fullmatch(domain) is not None and not domain.endswith(_SPECIAL_USE)


@lru_cache(maxsize=16_384)
def _examined(address: str) -> str | Rejected:
    try:
        examined = validate_email(address, check_deliverability=False, allow_smtputf8=False, strict=True)
    except EmailNotValidError as error:
        return Rejected(Reason.ADDRESS_INVALID, str(error))
    return examined.ascii_email or Rejected(Reason.ADDRESS_INVALID, "it has no form in ASCII")


@lru_cache(maxsize=1024)
def from_header(sender: str) -> str | Rejected:
    """`Shop <shop@example.com>` or a bare address, as it goes into From: the name as an encoded word."""
    parsed = getaddresses([sender])
    if _breaks(sender) or len(parsed) != 1:
        return Rejected(Reason.MESSAGE_REFUSED, f"the sender {sender!r} is not one mailbox")
    name, address = parsed[0]
    match mailbox(address):
        case str() as ascii_address:
            return formataddr((name, ascii_address))
        case Rejected(answer=why):
            return Rejected(Reason.MESSAGE_REFUSED, f"the sender {sender!r} cannot send: {why}")


def checked_sender(sender: str) -> str:
    """For config models: a sender that could send."""
    match from_header(sender):
        case Rejected(answer=why):
            raise wrong(why, "write `Shop <shop@example.com>` or a bare address")
        case str():
            return sender


def headers_of(mailboxes: tuple[str, ...]) -> tuple[str, ...]:
    """Mailboxes that config has checked, as they go into a header."""
    return tuple(header for header in map(from_header, mailboxes) if isinstance(header, str))


Mailbox = Annotated[str, AfterValidator(checked_sender)]


def is_reply_to(name: str) -> bool:
    return name.lower() == "reply-to"


def own_reply_to(email: Email) -> tuple[tuple[str, str], ...]:
    """Names and addresses, which take the place of the configured ones: a mail has one Reply-To at most."""
    if not email.headers:
        return ()  # as most: each mail is asked on its way into a batch
    return tuple(getaddresses([value for name, value in email.headers if is_reply_to(name)]))


def flaw(email: Email) -> str:
    """What must not stand in a mail: line breaks and NUL in any field, names that are ours, no real tags."""
    if _breaks(email.subject):
        return "the subject holds a line break or NUL"
    for name, value in email.headers:
        if name_flaw := _name_flaw(name):
            return name_flaw
        if not (value and value.isprintable()):
            return f"the header {name!r} is empty or holds a line break or another control character"
        if len(name) + len(encoded_words(value)) > _HEADER_CHARS_MAX:
            return f"the header {name!r} is longer than {_HEADER_CHARS_MAX} characters"
    for name, value in email.tags:
        if not (_TAG_PART.fullmatch(name) and _TAG_PART.fullmatch(value)):
            return f"the tag {name!r} = {value!r} is not 1 to 256 of A-Z a-z 0-9 _ -"
    return ""


@lru_cache(maxsize=1024)
def _name_flaw(name: str) -> str:
    if not _HEADER_NAME.fullmatch(name):
        return f"{name!r} is no header's name"
    lower = name.lower()
    if lower in _MADE_BY_US or lower.startswith(("content-", "mime-")):
        return f"the header {name!r} is set by the provider itself"
    return ""


def short(answer: str) -> str:
    return answer[:_ANSWER_CHARS_MAX]


def encoded_words(value: str) -> str:
    """A header's value in ASCII, on one line."""
    return value if value.isascii() else Header(value, "utf-8").encode(linesep="")


def _breaks(text: str) -> bool:
    return "\n" in text or "\r" in text or "\0" in text
