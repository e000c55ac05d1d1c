"""Whom an event may concern: contacts and the user's own choices."""

from __future__ import annotations

import msgspec

from notifyd.core.channel import Channel


class DeviceToken(msgspec.Struct, frozen=True, gc=False):
    token: str
    platform: str  # apns, fcm or web_push


class ExternalChannel(msgspec.Struct, frozen=True, gc=False):
    platform: str  # slack, …
    url: str
    active: bool = True


class Contact(msgspec.Struct, frozen=True, gc=False):
    user_id: str
    email: str | None = None
    phone: str | None = None
    device_tokens: tuple[DeviceToken, ...] = ()
    external_channels: tuple[ExternalChannel, ...] = ()


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
