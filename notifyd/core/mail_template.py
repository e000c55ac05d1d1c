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
        if own.sender is not None:
            parts.refuse(address_problem(own.sender))
        text = parts.text("text", context)
        if not text or text.isspace():
            parts.refuse("the text is empty")
        headers, tags = own.headers, own.tags
        if "headers" in parts.fields:
            headers = _merged(headers, parts.values("headers", context))
        for name, value in headers:
            parts.refuse(header_problem(name, value))
        if "tags" in parts.fields:
            tags = _merged(tags, parts.values("tags", context))
        for name, value in tags:
            parts.refuse(tag_problem(name, value))
        return Email(subject, text, parts.filled("html", context), own.sender, headers, tags)


def _merged(fields: Fields, values: dict[str, str]) -> Fields:
    """The template's fields win over those of the same name."""
    own = {name.lower() for name in values}
    kept = (field for field in fields if field[0].lower() not in own)
    return (*kept, *((name, value) for name, value in values.items() if value))
