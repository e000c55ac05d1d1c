"""Users' items as nearly all are, from DynamoDB's JSON straight to what they say, in less than half of the time.

Whatever is not as expected makes None of the whole item, and user_items.py reads it value by value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from notifyd.core.channel import Channel
from notifyd.core.dynamodb_json import WrongItem, plain_number
from notifyd.core.user import PLATFORMS, Contact, DeviceToken, ExternalChannel, UserSettings

T = TypeVar("T")


class _Strange(ValueError):
    """Of the right types, and yet not as expected."""


class _Value(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """Of one type alone: a value of another is refused."""


class _Text(_Value):
    S: str


class _Number(_Value):
    N: str


class _Flag(_Value):
    BOOL: bool


class _Texts(_Value):
    SS: list[str]


class _Choice(_Value):
    BOOL: bool | None = None
    L: list[_Text] | None = None


class _Device(msgspec.Struct, gc=False, rename={"token": "deviceToken"}):
    token: _Text
    platform: _Text
    registered_at: _Number | None = None


class _External(msgspec.Struct, gc=False):
    platform: _Text
    url: _Text
    status: _Flag | None = None


class _DeviceMap(_Value):
    M: _Device


class _ExternalMap(_Value):
    M: _External


class _Devices(_Value):
    L: list[_DeviceMap]


class _Externals(_Value):
    L: list[_ExternalMap]


class _Choices(_Value):
    M: dict[str, _Choice]


class _Contact(msgspec.Struct, gc=False):
    user_id: _Text
    email: _Text | None = None
    phone: _Text | None = None
    device_tokens: _Devices | None = None
    external_channels: _Externals | None = None
    suppressed: _Texts | None = None


class _Settings(msgspec.Struct, gc=False):
    user_id: _Text
    opted_out: _Flag | None = None
    categories: _Choices | None = None


_contact: Final = msgspec.json.Decoder(_Contact).decode
_settings: Final = msgspec.json.Decoder(_Settings).decode


def contact_of(item: msgspec.Raw) -> Contact | None:
    return _unless_strange(_read_contact, item)


def settings_of(item: msgspec.Raw) -> UserSettings | None:
    return _unless_strange(_read_settings, item)


def _unless_strange(read: Callable[[msgspec.Raw], T], item: msgspec.Raw) -> T | None:
    try:
        return read(item)
    except (msgspec.DecodeError, UnicodeDecodeError, WrongItem, _Strange):
        return None


def _read_contact(item: msgspec.Raw) -> Contact:
    told = _contact(item)
    devices, externals, marks = told.device_tokens, told.external_channels, told.suppressed
    return Contact(
        told.user_id.S,
        _address(told.email),
        _address(told.phone),
        tuple([_device(one.M) for one in devices.L]) if devices is not None and devices.L else (),
        tuple([_external(one.M) for one in externals.L]) if externals is not None and externals.L else (),
        tuple(marks.SS) if marks is not None else (),
    )


def _read_settings(item: msgspec.Raw) -> UserSettings:
    told = _settings(item)
    choices = told.categories
    return UserSettings(
        told.user_id.S,
        told.opted_out is not None and told.opted_out.BOOL,
        {} if choices is None else {category: _chosen(choice) for category, choice in choices.M.items()},
    )


def _address(value: _Text | None) -> str | None:
    if value is None:
        return None
    if not value.S.isprintable():
        raise _Strange
    return value.S or None


def _device(told: _Device) -> DeviceToken:
    if told.platform.S not in PLATFORMS or not told.token.S:
        raise _Strange
    registered_at = told.registered_at
    at_s = None if registered_at is None else float(plain_number(registered_at.N))
    return DeviceToken(told.token.S, told.platform.S, at_s)


def _external(told: _External) -> ExternalChannel:
    if not told.platform.S:
        raise _Strange
    return ExternalChannel(told.platform.S, told.url.S, told.status is None or told.status.BOOL)


def _chosen(choice: _Choice) -> bool | tuple[Channel, ...]:
    if choice.BOOL is not None and choice.L is None:
        return choice.BOOL
    if choice.L and choice.BOOL is None:
        try:
            return tuple([Channel(name.S) for name in choice.L])
        except ValueError:
            raise _Strange from None
    raise _Strange
