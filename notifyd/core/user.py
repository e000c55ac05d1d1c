"""Whom an event may concern: contacts and the user's own choices."""

from __future__ import annotations

from typing import Final

import msgspec

from notifyd.core.channel import Channel

DEVICE_PLATFORMS: Final = {Channel.PUSH_IOS: "apns", Channel.PUSH_ANDROID: "fcm", Channel.WEB_PUSH: "web_push"}
"""Whose tokens a channel's addresses are."""
PLATFORMS: Final = frozenset(DEVICE_PLATFORMS.values())


class DeviceToken(msgspec.Struct, frozen=True, gc=False):
    """`token`: of web push, the subscription as JSON. `registered_at_s`: None where the item does not say."""

    token: str
    platform: str  # apns, fcm or web_push
    registered_at_s: float | None = None


class ExternalChannel(msgspec.Struct, frozen=True, gc=False):
    """`url`: a hook's address, or where the platform has names for channels, such a name."""

    platform: str  # slack, webhook
    url: str
    active: bool = True


class Contact(msgspec.Struct, frozen=True, gc=False):
    """`suppressed`: marks (dead_address.py) of addresses that a provider called gone."""

    user_id: str
    email: str | None = None
    phone: str | None = None
    device_tokens: tuple[DeviceToken, ...] = ()
    external_channels: tuple[ExternalChannel, ...] = ()
    suppressed: tuple[str, ...] = ()


class UserSettings(msgspec.Struct, frozen=True, gc=False):
    """`categories`: category → True (all its channels), False (none), or the channels wanted."""

    user_id: str
    opted_out: bool = False
    categories: dict[str, bool | tuple[Channel, ...]] = {}


class Person(msgspec.Struct, frozen=True, gc=False):
    """What the directory knows of a user; None: no such item."""

    user_id: str
    contact: Contact | None = None
    settings: UserSettings | None = None
