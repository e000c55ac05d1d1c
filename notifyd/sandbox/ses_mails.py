"""The mails that a request to SES asks for, rendered as SES would, or why they cannot be."""

from __future__ import annotations

import re
from itertools import count

import msgspec

from notifyd.sandbox.inbox import Mail
from notifyd.sandbox.ses_model import (
    RECIPIENTS_MAX,
    Destination,
    Entry,
    Header,
    SendBulkEmail,
    SendEmail,
    Tag,
    Text,
)

_PLACEHOLDER = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_ADDRESS = re.compile(r"[!-?A-~]{1,64}@([a-z0-9-]+\.)+[a-z0-9-]+", re.IGNORECASE)
# "Amazon SES header fields": of SendBulkEmail, and of SendEmail but for raw content.
_HEADERS_DISALLOWED = frozenset(
    {"bcc", "cc", "content-disposition", "content-type", "date", "from", "message-id", "mime-version"}
    | {"reply-to", "return-path", "subject", "to"}
)
_NUMBERS = count(1)


class Refused(Exception):
    """Its text is SES's Error."""


def bulk_mails(request: SendBulkEmail, entry: Entry) -> list[Mail]:
    """One a recipient, all of one MessageId. Raises Refused."""
    template = request.default_content.template
    values = _values(template.template_data)
    if entry.replacement_email_content is not None:
        values |= _values(entry.replacement_email_content.replacement_template.replacement_template_data)
    content = template.template_content
    tags = _tags(request.default_email_tags + entry.replacement_tags)
    mail = Mail(
        provider="ses",
        delivery_id=tags.get("delivery_id", ""),
        address="",
        sender=request.from_email_address,
        subject=_rendered(content.subject, values),
        text=_rendered(content.text or "", values),
        html=None if content.html is None else _rendered(content.html, values),
        headers=_headers(template.headers + entry.replacement_headers, request.reply_to_addresses),
        tags=tags,
        message_id=_message_id(),
    )
    return _one_each(mail, entry.destination)


def single_mails(request: SendEmail) -> list[Mail]:
    """One a recipient, all of one MessageId. Raises Refused."""
    simple = request.content.simple
    tags = _tags(request.email_tags)
    mail = Mail(
        provider="ses",
        delivery_id=tags.get("delivery_id", ""),
        address="",
        sender=request.from_email_address,
        subject=_decoded(simple.subject),
        text=_decoded(simple.body.text) if simple.body.text else "",
        html=_decoded(simple.body.html) if simple.body.html else None,
        headers=_headers(simple.headers, request.reply_to_addresses),
        tags=tags,
        message_id=_message_id(),
    )
    return _one_each(mail, request.destination)


def _one_each(mail: Mail, destination: Destination) -> list[Mail]:
    addresses = destination.all()
    if not 1 <= len(addresses) <= RECIPIENTS_MAX:
        raise Refused(f"{len(addresses)} recipients; a message has 1 to {RECIPIENTS_MAX}")
    for address in addresses:
        if not (address.isascii() and _ADDRESS.fullmatch(address)):
            raise Refused(f"Invalid email address: {address}")
    return [msgspec.structs.replace(mail, address=address) for address in addresses]


def _rendered(template: str, values: dict[str, str]) -> str:
    """Substitution only, and once: a value's own braces stay as they are, and nothing is escaped.

    SES itself accepts a mail with an attribute missing and tells of it in a RenderingFailure event; here it is
    refused at once, as it is the sender's mistake every time.
    """

    def value(placeholder: re.Match[str]) -> str:
        if placeholder[1] not in values:
            raise Refused(f"Attribute '{placeholder[1]}' is not present in the rendering data.")
        return values[placeholder[1]]

    return _PLACEHOLDER.sub(value, template)


def _values(template_data: str) -> dict[str, str]:
    try:
        return msgspec.json.decode(template_data, type=dict[str, str])
    except msgspec.DecodeError as error:
        raise Refused(f"The template data is no JSON object of strings: {error}") from error


def _decoded(text: Text) -> str:
    if text.charset.lower() != "utf-8" and not text.data.isascii():
        raise Refused(f"The charset {text.charset} does not hold the text.")
    return text.data


def _headers(headers: list[Header], reply_to: list[str]) -> dict[str, str]:
    for header in headers:
        if len(header.name) + len(header.value) > 996:
            raise Refused(f"The header {header.name} is longer than 996 characters.")
        if header.name.lower() in _HEADERS_DISALLOWED:
            raise Refused(f"The header {header.name} is disallowed as a custom header.")
    named = {header.name: header.value for header in headers}
    return named | ({"Reply-To": ", ".join(reply_to)} if reply_to else {})


def _tags(tags: list[Tag]) -> dict[str, str]:
    return {tag.name: tag.value for tag in tags}


def _message_id() -> str:
    return f"sandbox-{next(_NUMBERS):012}"
