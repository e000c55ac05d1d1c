"""The names of templates: `<type>/<channel>.<part>`, and of what stands beside them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from notifyd.core.channel import Channel
from notifyd.core.template_fault import Finding

REQUIRED_PARTS: Final[dict[Channel, tuple[str, ...]]] = {Channel.EMAIL: ("subject", "text")}
OPTIONAL_PARTS: Final[dict[Channel, tuple[str, ...]]] = {Channel.EMAIL: ("html", "headers", "tags")}
# One field a line, `Name: value`, where each value is a template of its own: so no value can begin a new field.
FIELD_PARTS: Final = ("headers", "tags")
SAMPLE: Final = "sample.json"


class PartName(msgspec.Struct, frozen=True):
    type_name: str
    channel: Channel
    part: str

    @classmethod
    def parse(cls, name: str) -> PartName | None:
        """None: it is no part of a message."""
        type_name, _, file = name.rpartition("/")
        channel, _, part = file.partition(".")
        if not type_name or is_shared(name) or channel not in REQUIRED_PARTS:
            return None
        known = Channel(channel)
        if part not in REQUIRED_PARTS[known] + OPTIONAL_PARTS[known]:
            return None
        return cls(type_name, known, part)

    def __str__(self) -> str:
        return f"{self.type_name}/{self.channel}.{self.part}"


def is_shared(name: str) -> bool:
    """A layout or a piece that other templates extend or include: its folder begins with `_`."""
    return name.startswith("_")


def field_lines(name: str, text: str, findings: list[Finding]) -> Iterator[tuple[str, str]]:
    """The fields' names and their values' sources, each moved down to its own line number."""
    seen = set()
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        field, colon, value = line.partition(":")
        if not colon or not field.strip() or "{" in field:
            findings.append(Finding(name, number, f"{line!r} is no field", "write it as `Name: value`"))
        elif field.lower() in seen:
            findings.append(Finding(name, number, f"{field} stands there twice", "keep one of the two"))
        else:
            seen.add(field.lower())
            yield field.strip(), "\n" * (number - 1) + value
