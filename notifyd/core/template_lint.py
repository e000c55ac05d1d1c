"""Finds at start, or by `notifyd template lint`, what an event would otherwise find."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from notifyd.core.channel import Channel
from notifyd.core.message import Email, Message
from notifyd.core.render import TemplateSet, missing
from notifyd.core.template_fault import Finding, TemplateFault
from notifyd.core.template_parts import SAMPLE, is_shared, known_names, part_names
from notifyd.core.unreadable import UNREADABLE


class _Sample(msgspec.Struct, forbid_unknown_fields=True):
    """An example of what a template sees."""

    event: dict[str, Any] = {}
    data: dict[str, Any] = {}
    user: dict[str, Any] = {}
    facts: dict[str, Any] = {}


def lint(texts: Mapping[str, str], type_channels: Mapping[str, Sequence[Channel]]) -> list[Finding]:
    """`type_channels`: what the catalog sends. Types with a sample are rendered too."""
    templates, findings = TemplateSet.compile("lint", texts)
    findings += [_unread(name) for name in texts if not _is_read(name)]
    for type_name, channels in type_channels.items():
        try:
            sample = read_sample(texts, type_name)
        except TemplateFault as fault:
            findings.append(fault.finding)
            sample = None
        for channel in channels:
            if not templates.has(type_name, channel):
                findings.append(missing(type_name, channel))
            elif sample is not None:
                findings += _rendered(templates, type_name, channel, sample)
    return sorted(set(findings), key=lambda finding: (finding.name, finding.line))


def preview(texts: Mapping[str, str], type_name: str, channel: Channel, sample: Mapping[str, Any]) -> Message:
    """The message as it would be sent, each text whole. Raises TemplateFault."""
    templates, _ = TemplateSet.compile("preview", texts)
    message = templates.render(type_name, channel, sample)
    if isinstance(message, Email) and message.html is not None:
        return msgspec.structs.replace(message, html=str(message.html))
    return message


def read_sample(texts: Mapping[str, str], type_name: str) -> dict[str, Any] | None:
    """None: there is none. Raises TemplateFault where it cannot be read."""
    name = f"{type_name}/{SAMPLE}"
    return parse_sample(texts[name], name) if name in texts else None


def parse_sample(text: str | bytes, name: str) -> dict[str, Any]:
    """`name`: where it was read. Raises TemplateFault."""
    try:
        return msgspec.structs.asdict(msgspec.json.decode(text, type=_Sample))
    except UNREADABLE as error:
        mend = "write a JSON object of event, data, user and facts, each an object"
        raise TemplateFault(Finding(name, 0, str(error), mend)) from error


def _rendered(
    templates: TemplateSet, type_name: str, channel: Channel, sample: Mapping[str, Any]
) -> list[Finding]:
    try:
        templates.render(type_name, channel, sample)
    except TemplateFault as fault:
        return [fault.finding]
    return []


def _is_read(name: str) -> bool:
    file = name.rpartition("/")[2]
    return file == SAMPLE or file.startswith(".") or is_shared(name) or bool(part_names(name))


def _unread(name: str) -> Finding:
    mend = f"call it <type>/{{{', '.join(known_names())}, {SAMPLE}}}, put it into a folder _…, or take it away"
    return Finding(name, 0, "is read by nothing", mend)
