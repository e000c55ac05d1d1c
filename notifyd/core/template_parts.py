"""The names of templates: `<type>/<channel>.<part>`, and of what stands beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Final

import msgspec

from notifyd.core.channel import Channel
from notifyd.core.template_fault import Finding

SAMPLE: Final = "sample.json"
# `<type>/push.<part>` serves every push channel that has no such part of its own.
SHARED_PUSH: Final = "push"
PUSH_CHANNELS: Final = (Channel.PUSH_IOS, Channel.PUSH_ANDROID, Channel.WEB_PUSH)


class Form(Enum):
    """How a part's file is read."""

    TEXT = "text"  # one template
    FIELDS = "fields"  # `Name: value` lines, each value a template of its own: so no value can begin a new field
    JSON = "json"  # JSON, each string in it a template of its own: so no value can leave its string


class ChannelParts(msgspec.Struct, frozen=True):
    """`required`: any one of these sets will do."""

    required: tuple[tuple[str, ...], ...]
    forms: dict[str, Form]

    @property
    def wanted(self) -> str:
        """In words, for a mend."""
        return ", or ".join(" and ".join(parts) for parts in self.required)


_PUSH = ChannelParts(
    required=(("body",), ("title",), ("data",)),
    forms={"title": Form.TEXT, "body": Form.TEXT, "data": Form.FIELDS, "options": Form.FIELDS},
)
PARTS: Final[dict[Channel, ChannelParts]] = {
    Channel.EMAIL: ChannelParts(
        required=(("subject", "text"),),
        forms={
            "subject": Form.TEXT,
            "text": Form.TEXT,
            "html": Form.TEXT,
            "headers": Form.FIELDS,
            "tags": Form.FIELDS,
        },
    ),
    Channel.SMS: ChannelParts(required=(("text",),), forms={"text": Form.TEXT, "options": Form.FIELDS}),
    Channel.CHAT: ChannelParts(required=(("text",),), forms={"text": Form.TEXT, "blocks": Form.JSON}),
    **dict.fromkeys(PUSH_CHANNELS, _PUSH),
}


class PartName(msgspec.Struct, frozen=True, order=True):
    type_name: str
    channel: Channel
    part: str

    @property
    def form(self) -> Form:
        return PARTS[self.channel].forms[self.part]

    def __str__(self) -> str:
        return f"{self.type_name}/{self.channel}.{self.part}"


def part_names(name: str) -> tuple[PartName, ...]:
    """The parts that a text is; none: it is no part of a message, several: all push channels share it."""
    type_name, _, file = name.rpartition("/")
    channel, _, part = file.partition(".")
    if not type_name or is_shared(name):
        return ()
    channels = PUSH_CHANNELS if channel == SHARED_PUSH else tuple(one for one in Channel if one == channel)
    return tuple(PartName(type_name, one, part) for one in channels if part in PARTS[one].forms)


def files_of_parts(texts: Mapping[str, str]) -> dict[PartName, str]:
    """Each part, sorted, and the text it is read from; a channel's own part wins over the shared one."""
    files: dict[PartName, str] = {}
    for name in texts:
        for part in part_names(name):
            if str(part) == name or part not in files:
                files[part] = name
    return dict(sorted(files.items()))


def known_names() -> Iterator[str]:
    for channel, parts in PARTS.items():
        yield from (f"{channel}.{part}" for part in parts.forms)
    yield from (f"{SHARED_PUSH}.{part}" for part in _PUSH.forms)


def is_shared(name: str) -> bool:
    """A layout or a piece that other templates extend or include: its folder begins with `_`."""
    return name.startswith("_")


def is_html(name: str) -> bool:
    """A file, not a field of one (`push.data#page.html`), whatever it is called."""
    return name.endswith(".html") and (is_shared(name) or "#" not in name)


def is_chat(name: str) -> bool:
    """A part of a chat message, or a piece of one: `chat.` begins its file's name."""
    return name.partition("#")[0].rpartition("/")[2].startswith(f"{Channel.CHAT}.")


def is_escaped(name: str) -> bool:
    """In HTML for the browser; in chat so that a value that holds `<!channel>` does not ring for everybody."""
    return is_html(name) or (is_chat(name) and not _is_link(name))


def _is_link(name: str) -> bool:
    """`url`, `image_url` and their like in blocks: what Slack wants escaped, and unescapes, is text objects."""
    key = name.partition("#")[2].rpartition("/")[2]
    return key == "url" or key.endswith("_url")


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
