"""What a user's two items say, as far as they can be read.

A value of the wrong type costs that value alone, and a Damage says so. Where a person's own choice cannot
be read, the answer is no: a suppressed delivery is accounted for and can be replayed once the item is
mended, a mail that somebody forbade cannot be taken back.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeVar

import msgspec

from notifyd.core.channel import Channel
from notifyd.core.dynamodb_json import WrongItem, plain_number
from notifyd.core.unreadable import UNREADABLE
from notifyd.core.user import PLATFORMS, Contact, DeviceToken, ExternalChannel, UserSettings

T = TypeVar("T")

_CHANNELS = {str(channel): channel for channel in Channel}


class ItemKind(StrEnum):
    CONTACT = "contact"
    SETTINGS = "settings"


class Damage(msgspec.Struct, frozen=True):
    """A value that could not be read. The value itself is personal and is not repeated."""

    user_id: str
    kind: ItemKind
    attribute: str


class _Device(msgspec.Struct):
    token: str = msgspec.field(name="deviceToken")
    platform: str
    registered_at: float | str | None = None  # text: more digits than a double has


class _External(msgspec.Struct):
    platform: str
    url: str
    status: bool = True


class _Item:
    """An item under its user's name; it notes what could not be read."""

    def __init__(self, user_id: str, kind: ItemKind, values: Mapping[str, Any], damages: list[Damage]) -> None:
        self._user_id = user_id
        self._kind = kind
        self._values = values
        self._damages = damages

    def damaged(self, attribute: str) -> None:
        self._damages.append(Damage(self._user_id, self._kind, attribute))

    def address(self, attribute: str) -> str | None:
        value = self._values.get(attribute)
        # What does not print could end a header line, and is no address anyway.
        if value is None or (isinstance(value, str) and value.isprintable()):
            return value or None
        self.damaged(attribute)
        return None

    def device_tokens(self) -> tuple[DeviceToken, ...]:
        tokens = []
        for device in self._entries("device_tokens", _Device):
            try:
                registered_at_s = _seconds(device.registered_at)
            except WrongItem:
                self.damaged("device_tokens")
                continue
            if device.platform in PLATFORMS and device.token:
                tokens.append(DeviceToken(device.token, device.platform, registered_at_s))
            else:
                self.damaged("device_tokens")
        return tuple(tokens)

    def external_channels(self) -> tuple[ExternalChannel, ...]:
        externals = []
        for external in self._entries("external_channels", _External):
            # "" is the platform of channels that have one alone: no chat provider would ever take the message.
            if external.platform:
                externals.append(ExternalChannel(external.platform, external.url, external.status))
            else:
                self.damaged("external_channels")
        return tuple(externals)

    def suppressed(self) -> tuple[str, ...]:
        """A set that cannot be read marks nothing: the provider will say so again."""
        return tuple(self._entries("suppressed", str))

    def opted_out(self) -> bool:
        value = self._values.get("opted_out")
        if value is None or isinstance(value, bool):
            return value or False
        self.damaged("opted_out")
        return True

    def categories(self) -> dict[str, bool | tuple[Channel, ...]] | None:
        """None: the attribute as a whole cannot be read."""
        wanted = _parsed(self._values.get("categories"))
        if wanted is None:
            return {}
        if not isinstance(wanted, dict):
            self.damaged("categories")
            return None
        return {
            category: choice if isinstance(choice, bool) else self._channels(category, choice)
            for category, choice in wanted.items()
        }

    def _entries(self, attribute: str, entry_type: type[T]) -> list[T]:
        value = self._values.get(attribute)
        # As most have none, of most kinds.
        if value is None or value == []:
            return []
        entries = _parsed(value)
        if not isinstance(entries, list):
            self.damaged(attribute)
            return []
        read = []
        for entry in entries:
            try:
                read.append(msgspec.convert(entry, entry_type))
            except msgspec.ValidationError:
                self.damaged(attribute)
        return read

    def _channels(self, category: str, choice: object) -> bool | tuple[Channel, ...]:
        named = choice if isinstance(choice, list) else [None]
        channels = tuple(_CHANNELS[name] for name in named if isinstance(name, str) and name in _CHANNELS)
        if len(channels) < len(named):
            self.damaged(f"categories.{category}")
        return channels or False


def read_contact(user_id: str, values: Mapping[str, Any], damages: list[Damage]) -> Contact:
    """`values`: plain JSON values; the lists may also stand as JSON text."""
    item = _Item(user_id, ItemKind.CONTACT, values, damages)
    return Contact(
        user_id,
        item.address("email"),
        item.address("phone"),
        item.device_tokens(),
        item.external_channels(),
        item.suppressed(),
    )


def read_settings(user_id: str, values: Mapping[str, Any], damages: list[Damage]) -> UserSettings:
    """`values`: plain JSON values; categories may also stand as JSON text."""
    item = _Item(user_id, ItemKind.SETTINGS, values, damages)
    opted_out = item.opted_out()
    categories = item.categories()
    if categories is None:
        return UserSettings(user_id, opted_out=True)
    return UserSettings(user_id, opted_out, categories)


def _seconds(told: float | str | None) -> float | None:
    """Raises WrongItem for text that is no number."""
    return float(plain_number(told)) if isinstance(told, str) else told


def _parsed(value: object) -> object:
    """What stands in JSON text; text that is none stays text, which is neither a list nor an object."""
    if not isinstance(value, str):
        return value
    try:
        return msgspec.json.decode(value)
    except UNREADABLE:
        return value
