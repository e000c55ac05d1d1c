"""What the templates of one type and channel are given, and what they make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, Final, Protocol

import msgspec

from notifyd.core.filled_text import FilledText
from notifyd.core.json_template import JsonTemplate
from notifyd.core.message import Message
from notifyd.core.template import Template
from notifyd.core.template_fault import Finding, TemplateFault

Fields = tuple[tuple[str, str], ...]


class MailFields(msgspec.Struct, frozen=True):
    """What a type gives its mails; a template's own headers and tags win over these."""

    sender: str | None = None
    headers: Fields = ()
    tags: Fields = ()


NO_FIELDS: Final = MailFields()


class Parts(msgspec.Struct, frozen=True):
    """The compiled parts of one type and channel by their names. `stem`: `<type>/<channel>`."""

    stem: str
    wholes: dict[str, Template]
    fields: dict[str, tuple[tuple[str, Template], ...]]
    shapes: dict[str, JsonTemplate]

    @property
    def is_plain(self) -> bool:
        """Whether every part of it takes the fast path."""
        fields = (one for named in self.fields.values() for _, one in named)
        templates: Iterator[Template | JsonTemplate] = chain(self.wholes.values(), fields, self.shapes.values())
        return all(one.is_plain for one in templates)

    def text(self, part: str, context: Mapping[str, Any]) -> str:
        """Empty where there is no such part. Raises TemplateFault."""
        template = self.wholes.get(part)
        return template.render(context) if template is not None else ""

    def filled(self, part: str, context: Mapping[str, Any]) -> FilledText | str | None:
        """None where there is no such part. Raises TemplateFault."""
        template = self.wholes.get(part)
        return template.fill(context) if template is not None else None

    def values(self, part: str, context: Mapping[str, Any]) -> dict[str, str]:
        """By the field's name; a value that renders to nothing stays, empty. Raises TemplateFault."""
        return {name: template.render(context).strip() for name, template in self.fields.get(part, ())}

    def refuse(self, problem: str | None) -> None:
        """Raises TemplateFault where there is one."""
        if problem:
            raise TemplateFault(Finding(self.stem, 0, problem, "mend the template, or what the event brings"))


class MessageTemplate(Protocol):
    def render(self, context: Mapping[str, Any], own: MailFields) -> Message:
        """Raises TemplateFault."""
        ...
