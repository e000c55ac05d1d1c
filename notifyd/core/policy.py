"""Decides, for one person and one notification, what is sent where and what is not, each with its reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

import msgspec

from notifyd.core.allow_list import AllowList
from notifyd.core.catalog import FilterFunction, NotificationType
from notifyd.core.channel import Channel
from notifyd.core.dead_address import mark_of
from notifyd.core.event import Event
from notifyd.core.suppression import Decision, Planned, Suppressed, SuppressionReason
from notifyd.core.user import DEVICE_PLATFORMS, Contact, Person, UserSettings

_NO_FACTS: Final[Mapping[str, object]] = {}

# Platform ("" where the channel has one alone) and address.
Address = tuple[str, str]


class DeliveryMode(StrEnum):
    SEND = "send"
    DRY_RUN = "dry_run"
    REDIRECT = "redirect"


# Naming an enum's member takes 70 ns, which is much where a decision takes 1 µs.
_REDIRECT: Final = DeliveryMode.REDIRECT
_DRY_RUN: Final = DeliveryMode.DRY_RUN


class DeliveryRules(msgspec.Struct, frozen=True):
    """The operator's. `available`: channels that have a provider; `redirect_to`: one address a channel.

    `chat_platforms`: those that have a provider; what stands at `redirect_to` is of the first.
    """

    available: frozenset[Channel]
    mode: DeliveryMode = DeliveryMode.SEND
    allow: AllowList | None = None
    redirect_to: dict[Channel, str] = {}
    chat_platforms: tuple[str, ...] = ()


class FilterRaised(Exception):
    """A type's filter raised instead of answering. That event's notification is dead, and nothing else."""

    def __init__(self, type_name: str, error: Exception) -> None:
        super().__init__(f"the filter of {type_name} raised {type(error).__name__}")
        self.type_name = type_name


def decide(
    type_: NotificationType,
    event: Event,
    person: Person,
    rules: DeliveryRules,
    facts: Mapping[str, object] = _NO_FACTS,
) -> list[Decision]:
    """At least one decision: a user who can be reached by no channel counts as one, suppressed.

    Raises:
        FilterRaised: the type's own filter failed.
    """
    settings, contact = person.settings, person.contact
    wanted = _wanted(type_, settings)
    if wanted is False:
        return [Suppressed(None, SuppressionReason.OPTED_OUT, _said_by(type_, settings))]
    if type_.filter is not None and not _passes(type_.filter, type_, event, person, facts):
        return [Suppressed(None, SuppressionReason.FILTER, {"type": type_.name})]
    decisions: list[Decision] = []
    without_address = 0
    for channel in type_.channels:
        if wanted is not True and channel not in wanted:
            decisions.append(Suppressed(channel, SuppressionReason.OPTED_OUT, _said_by(type_, settings)))
        elif channel not in rules.available:
            decisions.append(Suppressed(channel, SuppressionReason.NOT_ALLOWED, {"provider": "none configured"}))
        elif contact is not None and (addresses := _ADDRESSES[channel](contact)):
            decisions += _to_addresses(channel, addresses, contact.suppressed, rules)
        else:
            decisions.append(_no_address(channel, (channel,), contact))
            without_address += 1
    if without_address == len(type_.channels):
        return [_no_address(None, type_.channels, contact)]
    return decisions


def nobody(type_: NotificationType) -> Suppressed:
    """The one decision on an event in which no user stands where the type looks for users."""
    return Suppressed(None, SuppressionReason.NO_ADDRESS, {"users": type_.users.expression, "found": 0})


def _wanted(type_: NotificationType, settings: UserSettings | None) -> bool | tuple[Channel, ...]:
    """Which of the type's channels the user wants."""
    if settings is None:
        return type_.default
    if settings.opted_out:
        return False
    return settings.categories.get(type_.category, type_.default)


def _said_by(type_: NotificationType, settings: UserSettings | None) -> dict[str, Any]:
    """Whose word `_wanted` went by."""
    if settings is not None and settings.opted_out:
        return {"opted_out": True}
    if settings is not None and type_.category in settings.categories:
        return {"category": type_.category, "setting": settings.categories[type_.category]}
    return {"category": type_.category, "default": type_.default}


def _passes(
    passes: FilterFunction, type_: NotificationType, event: Event, person: Person, facts: Mapping[str, object]
) -> bool:
    try:
        return bool(passes(event, person, facts))
    except Exception as error:
        raise FilterRaised(type_.name, error) from error


def _to_addresses(
    channel: Channel, addresses: Sequence[Address], marks: Sequence[str], rules: DeliveryRules
) -> list[Decision]:
    if rules.mode is _REDIRECT:
        address = rules.redirect_to.get(channel)
        if address is None:
            return [
                Suppressed(channel, SuppressionReason.NOT_ALLOWED, {"redirect_to": "nothing for this channel"})
            ]
        addresses = ((next(iter(rules.chat_platforms), "") if channel is Channel.CHAT else "", address),)
    if len(addresses) == 1:
        return [_to_address(channel, addresses[0], marks, rules)]
    return [_to_address(channel, address, marks, rules) for address in dict.fromkeys(addresses)]


def judge_address(channel: Channel, address: Address, contact: Contact | None, rules: DeliveryRules) -> Decision:
    """Of a delivery under way, whose address its user may have no longer. "": nobody knows what it was."""
    if not address[1]:
        return _no_address(channel, (channel,), contact)
    [decision] = _to_addresses(channel, (address,), contact.suppressed if contact is not None else (), rules)
    return decision


def _to_address(channel: Channel, address: Address, marks: Sequence[str], rules: DeliveryRules) -> Decision:
    platform, where = address
    if marks and mark_of(channel, where) in marks:
        return Suppressed(channel, SuppressionReason.ON_SUPPRESSION_LIST, {"list": "contact"})
    if platform and platform not in rules.chat_platforms:
        return Suppressed(channel, SuppressionReason.NOT_ALLOWED, {"provider": f"none configured for {platform}"})
    # The address that would really be used is judged, so that a redirect's own has to be allowed as well.
    if rules.allow is not None and not rules.allow.allows(where):
        return Suppressed(channel, SuppressionReason.NOT_ALLOWED, {"recipients_allow": False})
    if rules.mode is _DRY_RUN:
        return Suppressed(channel, SuppressionReason.DRY_RUN, {"mode": "dry_run"})
    return Planned(channel, where, platform)


def _of_email(contact: Contact) -> Sequence[Address]:
    return (("", contact.email),) if contact.email else ()


def _of_sms(contact: Contact) -> Sequence[Address]:
    return (("", contact.phone),) if contact.phone else ()


def _of_chat(contact: Contact) -> Sequence[Address]:
    return [
        (external.platform, external.url)
        for external in contact.external_channels
        if external.active and external.url
    ]


def _of_devices(platform: str) -> Callable[[Contact], Sequence[Address]]:
    return lambda contact: [("", device.token) for device in contact.device_tokens if device.platform == platform]


_ADDRESSES: Final[Mapping[Channel, Callable[[Contact], Sequence[Address]]]] = {
    Channel.EMAIL: _of_email,
    Channel.SMS: _of_sms,
    Channel.CHAT: _of_chat,
    **{channel: _of_devices(platform) for channel, platform in DEVICE_PLATFORMS.items()},
}


def _no_address(channel: Channel | None, channels: tuple[Channel, ...], contact: Contact | None) -> Suppressed:
    return Suppressed(
        channel, SuppressionReason.NO_ADDRESS, {"channels": channels, "contact_known": contact is not None}
    )
