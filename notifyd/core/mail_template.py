"""The templates of one type's e-mail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from notifyd.core.mail_fields import address_problem, header_problem, subject_problem, tag_problem
from notifyd.core.message import Email
from notifyd.core.template import Template
from notifyd.core.template_fault import Finding, TemplateFault

Fields = tuple[tuple[str, str], ...]


class MailTemplate(msgspec.Struct, frozen=True):
    """`headers` and `tags`: by the field's name; a value that renders to nothing leaves its field out."""

    subject: Template
    text: Template
    html: Template | None
    headers: tuple[tuple[str, Template], ...]
    tags: tuple[tuple[str, Template], ...]

    @property
    def is_plain(self) -> bool:
        parts = (self.subject, self.text, self.html, *dict(self.headers).values(), *dict(self.tags).values())
        return all(part is None or part.is_plain for part in parts)

    def render(self, context: Mapping[str, Any], *, sender: str | None, headers: Fields, tags: Fields) -> Email:
        """Raises TemplateFault."""
        subject = self.subject.render(context).strip()
        self._refuse(subject_problem(subject))
        if sender is not None:
            self._refuse(address_problem(sender))
        text = self.text.render(context)
        if not text or text.isspace():
            self._refuse("the text is empty")
        if self.headers:
            headers = _merged(headers, self.headers, context)
        for name, value in headers:
            self._refuse(header_problem(name, value))
        if self.tags:
            tags = _merged(tags, self.tags, context)
        for name, value in tags:
            self._refuse(tag_problem(name, value))
        html = self.html.render(context) if self.html else None
        return Email(subject, text, html, sender, headers, tags)

    def _refuse(self, problem: str | None) -> None:
        if problem:
            mend = "mend the template, or what the event brings"
            raise TemplateFault(Finding(self.subject.name.rpartition(".")[0], 0, problem, mend))


def _merged(fields: Fields, rendered: tuple[tuple[str, Template], ...], context: Mapping[str, Any]) -> Fields:
    """The template's fields win over those of the same name."""
    values = {name: template.render(context).strip() for name, template in rendered}
    own = {name.lower() for name in values}
    kept = (field for field in fields if field[0].lower() not in own)
    return (*kept, *((name, value) for name, value in values.items() if value))
