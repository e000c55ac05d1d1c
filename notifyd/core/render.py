"""The templates of one version, and the messages that they make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from notifyd.core.channel import Channel
from notifyd.core.mail_template import Fields, MailTemplate
from notifyd.core.message import Email
from notifyd.core.template import Template
from notifyd.core.template_fault import Finding, TemplateFault
from notifyd.core.template_parts import FIELD_PARTS, REQUIRED_PARTS, PartName, field_lines, is_shared
from notifyd.core.template_sandbox import TemplateSandbox


class TemplateSet:
    """Does not change: a refresh makes a new one. One render at a time, so not for several threads."""

    def __init__(
        self, version: str, parts: frozenset[PartName], mails: Mapping[str, MailTemplate | Finding]
    ) -> None:
        self.version = version
        self._parts = parts
        self._mails = mails

    @classmethod
    def compile(cls, version: str, texts: Mapping[str, str]) -> tuple[TemplateSet, list[Finding]]:
        """`texts`: by name. A type with a finding is in the set, and rendering it raises that finding.

        It takes some milliseconds a template: while events flow it belongs in a thread.
        """
        parts = sorted((part for name in texts if (part := PartName.parse(name))), key=str)
        findings: list[Finding] = []
        fields = {
            f"{part}#{field}": source
            for part in parts
            if part.part in FIELD_PARTS
            for field, source in field_lines(str(part), texts[str(part)], findings)
        }
        sandbox = TemplateSandbox({**texts, **fields})
        wholes = [str(part) for part in parts if part.part not in FIELD_PARTS]
        templates = {}
        for name in (*filter(is_shared, texts), *wholes, *fields):
            try:
                templates[name] = Template(sandbox, name)
            except TemplateFault as fault:
                findings.append(fault.finding)
        types = {part.type_name for part in parts if part.channel is Channel.EMAIL}
        mails = {type_name: _mail(type_name, parts, templates, findings) for type_name in sorted(types)}
        return cls(version, frozenset(parts), mails), findings

    def parts_of(self, type_name: str, channel: Channel) -> frozenset[str]:
        """The parts that there are, whether they compile or not."""
        return frozenset(
            name.part for name in self._parts if (name.type_name, name.channel) == (type_name, channel)
        )

    def is_plain(self, type_name: str, channel: Channel) -> bool:
        """Whether every part of it takes the fast path."""
        mail = self._mails.get(type_name) if channel is Channel.EMAIL else None
        return isinstance(mail, MailTemplate) and mail.is_plain

    def render_email(
        self,
        type_name: str,
        context: Mapping[str, Any],
        *,
        sender: str | None = None,
        headers: Fields = (),
        tags: Fields = (),
    ) -> Email:
        """`context`: `event`, `data`, `user` and `facts`, plain. The template's headers and tags win over these.

        Raises:
            TemplateFault: names the template, its line and what is wrong.
        """
        mail = self._mails.get(type_name)
        if mail is None:
            mail = missing_part(PartName(type_name, Channel.EMAIL, REQUIRED_PARTS[Channel.EMAIL][0]))
        if isinstance(mail, Finding):
            raise TemplateFault(mail)
        return mail.render(context, sender=sender, headers=headers, tags=tags)


def missing_part(part: PartName) -> Finding:
    needed = " and ".join(REQUIRED_PARTS[part.channel])
    return Finding(str(part), 0, "is missing", f"{part.channel} needs {needed}")


def _mail(
    type_name: str, parts: Sequence[PartName], templates: Mapping[str, Template], findings: list[Finding]
) -> MailTemplate | Finding:
    for required in REQUIRED_PARTS[Channel.EMAIL]:
        part = PartName(type_name, Channel.EMAIL, required)
        if part not in parts:
            findings.append(missing_part(part))
    stem = f"{type_name}/{Channel.EMAIL}."
    for finding in findings:
        if finding.name.startswith(stem):
            return finding

    def fields(part: str) -> tuple[tuple[str, Template], ...]:
        start = f"{stem}{part}#"
        return tuple(
            (name.removeprefix(start), template) for name, template in templates.items() if name.startswith(start)
        )

    return MailTemplate(
        subject=templates[f"{stem}subject"],
        text=templates[f"{stem}text"],
        html=templates.get(f"{stem}html"),
        headers=fields("headers"),
        tags=fields("tags"),
    )
