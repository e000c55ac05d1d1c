"""The templates of one type's e-mail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from notifyd.core.mail_fields import address_problem, header_problem, subject_problem, tag_problem
from notifyd.core.message import Email
from notifyd.core.message_template import Fields, MailFields, Parts


class MailTemplate(msgspec.Struct, frozen=True):
    """Of headers and tags, a value that renders to nothing leaves its field out."""

    parts: Parts

    def render(self, context: Mapping[str, Any], own: MailFields) -> Email:
        parts = self.parts
        subject = parts.text("subject", context).strip()
        parts.refuse(subject_problem(subject))
        text = parts.text("text", context)
        if not text or text.isspace():
            parts.refuse("the text is empty")
        html = parts.filled("html", context)
        if not (parts.fields or own.sender or own.headers or own.tags):
            return Email(subject, text, html)  # as most are
        if own.sender is not None:
            parts.refuse(address_problem(own.sender))
        headers = _merged(own.headers, parts.values("headers", context))
        for name, value in headers:
            parts.refuse(header_problem(name, value))
        tags = _merged(own.tags, parts.values("tags", context))
        for name, value in tags:
            parts.refuse(tag_problem(name, value))
        return Email(subject, text, html, own.sender, headers, tags)


def _merged(fields: Fields, values: dict[str, str]) -> Fields:
    """The template's fields win over those of the same name."""
    if not values:
        return fields
    own = {name.lower() for name in values}
    kept = (field for field in fields if field[0].lower() not in own)
    return (*kept, *((name, value) for name, value in values.items() if value))
