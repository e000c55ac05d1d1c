"""Finds at start, or by `notifyd template lint`, what an event would otherwise find."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from notifyd.core.channel import Channel
from notifyd.core.message import Message
from notifyd.core.render import TemplateSet, missing_part
from notifyd.core.template_fault import Finding, TemplateFault
from notifyd.core.template_parts import OPTIONAL_PARTS, REQUIRED_PARTS, SAMPLE, PartName, is_shared


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
            if not templates.parts_of(type_name, channel):
                findings += _all_missing(type_name, channel)
            elif sample is not None:
                findings += _rendered(templates, type_name, channel, sample)
    return sorted(set(findings), key=lambda finding: (finding.name, finding.line))


def preview(texts: Mapping[str, str], type_name: str, channel: Channel, sample: Mapping[str, Any]) -> Message:
    """The message as it would be sent. Raises TemplateFault."""
    templates, _ = TemplateSet.compile("preview", texts)
    return _render(templates, type_name, channel, sample)


def read_sample(texts: Mapping[str, str], type_name: str) -> dict[str, Any] | None:
    """None: there is none. Raises TemplateFault where it cannot be read."""
    name = f"{type_name}/{SAMPLE}"
    if name not in texts:
        return None
    try:
        return msgspec.structs.asdict(msgspec.json.decode(texts[name], type=_Sample))
    except msgspec.DecodeError as error:
        mend = "write a JSON object of event, data, user and facts, each an object"
        raise TemplateFault(Finding(name, 0, str(error), mend)) from error


def _rendered(
    templates: TemplateSet, type_name: str, channel: Channel, sample: Mapping[str, Any]
) -> list[Finding]:
    try:
        _render(templates, type_name, channel, sample)
    except TemplateFault as fault:
        return [fault.finding]
    return []


def _render(templates: TemplateSet, type_name: str, channel: Channel, sample: Mapping[str, Any]) -> Message:
    if channel is Channel.EMAIL:
        return templates.render_email(type_name, sample)
    raise TemplateFault(_no_templates(type_name, channel))


def _all_missing(type_name: str, channel: Channel) -> list[Finding]:
    if channel not in REQUIRED_PARTS:
        return [_no_templates(type_name, channel)]
    return [missing_part(PartName(type_name, channel, part)) for part in REQUIRED_PARTS[channel]]


def _no_templates(type_name: str, channel: Channel) -> Finding:
    able = ", ".join(REQUIRED_PARTS)
    return Finding(
        f"{type_name}/{channel}", 0, "is of a channel that has no templates", f"channels that have: {able}"
    )


def _is_read(name: str) -> bool:
    file = name.rpartition("/")[2]
    return file == SAMPLE or file.startswith(".") or is_shared(name) or PartName.parse(name) is not None


def _unread(name: str) -> Finding:
    parts = [f"{channel}.{part}" for channel, required in REQUIRED_PARTS.items() for part in required]
    parts += [f"{channel}.{part}" for channel, optional in OPTIONAL_PARTS.items() for part in optional]
    mend = f"call it <type>/{{{', '.join(parts)}, {SAMPLE}}}, put it into a folder _…, or take it away"
    return Finding(name, 0, "is read by nothing", mend)
