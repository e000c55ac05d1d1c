"""The bodies of SendBulkEmail and SendEmail, as botocore's sesv2 model has them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from notifyd.core.message import Delivery, Email, message_of
from notifyd.providers._mail import encoded_words, is_reply_to
from notifyd.providers._ses_template import template_of

TEMPLATE_DATA_CHARS_MAX = 262_144
HEADERS_MAX = 15
# JSON makes at most 6 bytes of a character; the rest is for the keys around them.
BULK_CHARS_MAX = (TEMPLATE_DATA_CHARS_MAX - 64) // 6

_encode = msgspec.json.Encoder().encode


class _Wire(msgspec.Struct, rename="pascal", omit_defaults=True, gc=False):
    """Field names as SES has them: from_email_address is FromEmailAddress."""


class _Destination(_Wire):
    to_addresses: tuple[str, ...]


class _NameValue(_Wire):
    name: str
    value: str


class _TemplateContent(_Wire):
    subject: str
    text: str
    html: str | None = None


class _Template(_Wire, omit_defaults=False):
    template_content: _TemplateContent
    template_data: str = "{}"


class _BulkContent(_Wire):
    template: _Template


class _ReplacementTemplate(_Wire):
    replacement_template_data: msgspec.Raw


class _ReplacementContent(_Wire):
    replacement_template: _ReplacementTemplate


class _Entry(_Wire):
    destination: _Destination
    replacement_email_content: _ReplacementContent
    replacement_headers: list[_NameValue]
    replacement_tags: list[_NameValue]


class _Bulk(_Wire):
    from_email_address: str
    default_content: _BulkContent
    bulk_email_entries: list[_Entry]
    reply_to_addresses: tuple[str, ...] = ()
    configuration_set_name: str | None = None


class _Text(_Wire, omit_defaults=False):
    data: str
    charset: str = "UTF-8"


class _Body(_Wire):
    text: _Text
    html: _Text | None = None


class _Simple(_Wire):
    subject: _Text
    body: _Body
    headers: list[_NameValue]


class _Content(_Wire):
    simple: _Simple


class _Single(_Wire):
    from_email_address: str
    destination: _Destination
    content: _Content
    email_tags: list[_NameValue]
    reply_to_addresses: tuple[str, ...] = ()
    configuration_set_name: str | None = None


class Envelope(msgspec.Struct, frozen=True):
    """What all mails of a request share."""

    sender: str
    reply_to: tuple[str, ...]
    configuration_set: str | None


def bulk_body(envelope: Envelope, mails: Sequence[tuple[str, Delivery]]) -> bytes:
    """SendBulkEmail to (address, delivery) pairs that all have HTML, or all have none."""
    emails = [message_of(delivery, Email) for _, delivery in mails]
    template = template_of(emails)
    return _encode(
        _Bulk(
            envelope.sender,
            _BulkContent(_Template(_TemplateContent("{{s}}", "{{t}}", template.html))),
            [
                _Entry(
                    _Destination((address,)),
                    _ReplacementContent(_ReplacementTemplate(template.data_of(email))),
                    _headers(email),
                    _tags(delivery, email),
                )
                for (address, delivery), email in zip(mails, emails, strict=True)
            ],
            envelope.reply_to,
            envelope.configuration_set,
        )
    )


def single_body(envelope: Envelope, address: str, delivery: Delivery) -> bytes:
    """SendEmail to one address."""
    email = message_of(delivery, Email)
    html = None if email.html is None else _Text(str(email.html))
    return _encode(
        _Single(
            envelope.sender,
            _Destination((address,)),
            _Content(_Simple(_Text(email.subject), _Body(_Text(email.text), html), _headers(email))),
            _tags(delivery, email),
            envelope.reply_to,
            envelope.configuration_set,
        )
    )


def _headers(email: Email) -> list[_NameValue]:
    """Without Reply-To, which SES takes in a place of its own alone ("Amazon SES header fields")."""
    return [_NameValue(name, encoded_words(value)) for name, value in email.headers if not is_reply_to(name)]


def _tags(delivery: Delivery, email: Email) -> list[_NameValue]:
    return [_NameValue(name, value) for name, value in (("delivery_id", delivery.delivery_id), *email.tags)]
