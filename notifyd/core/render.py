"""The templates of one version, and the messages that they make."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from notifyd.core.channel import Channel
from notifyd.core.chat_template import ChatTemplate
from notifyd.core.json_template import json_template, leaf_texts
from notifyd.core.mail_template import MailTemplate
from notifyd.core.message import Message
from notifyd.core.message_template import NO_FIELDS, MailFields, MessageTemplate, Parts
from notifyd.core.push_template import PushTemplate
from notifyd.core.sms_template import SmsTemplate
from notifyd.core.template import Template
from notifyd.core.template_fault import Finding, TemplateFault
from notifyd.core.template_parts import PARTS, Form, PartName, field_lines, files_of_parts, is_shared
from notifyd.core.template_sandbox import TemplateSandbox

_MAKERS: Final[dict[Channel, Callable[[Parts], MessageTemplate]]] = {
    Channel.EMAIL: MailTemplate,
    Channel.SMS: SmsTemplate,
    Channel.PUSH_IOS: PushTemplate,
    Channel.PUSH_ANDROID: PushTemplate,
    Channel.WEB_PUSH: PushTemplate,
    Channel.CHAT: ChatTemplate,
}


_Kind = tuple[str, Channel]
_Made = tuple[Parts, MessageTemplate]


class TemplateSet:
    """Does not change: a refresh makes a new one. One render at a time, so not for several threads."""

    def __init__(self, version: str, made: Mapping[_Kind, _Made | Finding]) -> None:
        self.version = version
        self._made = made

    @classmethod
    def compile(cls, version: str, texts: Mapping[str, str]) -> tuple[TemplateSet, list[Finding]]:
        """`texts`: by name. A type and channel with a finding is in the set, and rendering it raises that finding.

        It takes some milliseconds a template: while events flow it belongs in a thread.
        """
        files = files_of_parts(texts)
        findings: list[Finding] = []
        leaves = _leaves(files, texts, findings)
        sandbox = TemplateSandbox({**texts, **leaves})
        wholes = {file for part, file in files.items() if part.form is Form.TEXT}
        templates: dict[str, Template] = {}
        for name in (*filter(is_shared, texts), *sorted(wholes), *leaves):
            try:
                templates[name] = Template(sandbox, name)
            except TemplateFault as fault:
                findings.append(fault.finding)
        kinds = dict.fromkeys((part.type_name, part.channel) for part in files)
        made = {kind: _made(kind, files, texts, templates, findings) for kind in kinds}
        return cls(version, made), list(dict.fromkeys(findings))

    def has(self, type_name: str, channel: Channel) -> bool:
        """Whether there is any part of it, right or wrong."""
        return (type_name, channel) in self._made

    def is_plain(self, type_name: str, channel: Channel) -> bool:
        """Whether every part of it takes the fast path."""
        made = self._made.get((type_name, channel))
        return isinstance(made, tuple) and made[0].is_plain

    def render(
        self, type_name: str, channel: Channel, context: Mapping[str, Any], own: MailFields = NO_FIELDS
    ) -> Message:
        """`context`: `event`, `data`, `user` and `facts`, plain.

        Raises:
            TemplateFault: names the template, its line and what is wrong.
        """
        made = self._made.get((type_name, channel))
        if made is None:
            made = missing(type_name, channel)
        if isinstance(made, Finding):
            raise TemplateFault(made)
        return made[1].render(context, own)


def missing(type_name: str, channel: Channel, parts: Sequence[str] = ()) -> Finding:
    """`parts`: those that there are."""
    required = PARTS[channel].required
    lacking = next((part for part in required[0] if part not in parts), required[0][0])
    name = str(PartName(type_name, channel, lacking))
    return Finding(name, 0, "is missing", f"{channel} needs {PARTS[channel].wanted}")


def _leaves(files: Mapping[PartName, str], texts: Mapping[str, str], findings: list[Finding]) -> dict[str, str]:
    """The templates inside files, by `<file>#<place>`."""
    leaves: dict[str, str] = {}
    for file, form in dict.fromkeys((file, part.form) for part, file in files.items()):
        match form:
            case Form.FIELDS:
                leaves |= {f"{file}#{field}": source for field, source in field_lines(file, texts[file], findings)}
            case Form.JSON:
                leaves |= leaf_texts(file, texts[file], findings)
            case Form.TEXT:
                pass
    return leaves


def _made(
    kind: _Kind,
    files: Mapping[PartName, str],
    texts: Mapping[str, str],
    templates: Mapping[str, Template],
    findings: list[Finding],
) -> _Made | Finding:
    type_name, channel = kind
    own = {part.part: file for part, file in files.items() if (part.type_name, part.channel) == kind}
    if not any(set(required) <= own.keys() for required in PARTS[channel].required):
        findings.append(missing(type_name, channel, tuple(own)))
    stem = f"{type_name}/{channel}"
    for finding in findings:
        if finding.name.partition("#")[0] in own.values() or finding.name.startswith(f"{stem}."):
            return finding
    parts = Parts(stem, {}, {}, {})
    for part, file in own.items():
        match PARTS[channel].forms[part]:
            case Form.TEXT:
                parts.wholes[part] = templates[file]
            case Form.FIELDS:
                parts.fields[part] = tuple(
                    (name.removeprefix(f"{file}#"), template)
                    for name, template in templates.items()
                    if name.startswith(f"{file}#")
                )
            case Form.JSON:
                parts.shapes[part] = json_template(file, texts[file], templates)
    try:
        return parts, _MAKERS[channel](parts)
    except TemplateFault as fault:
        findings.append(fault.finding)
        return fault.finding
