"""An address of which a provider says that it is gone."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from notifyd.core.channel import Channel


class DeadAddress(msgspec.Struct, frozen=True, gc=False):
    """`since_s` (epoch): what was registered later is alive. Where a provider names no time: its answer's."""

    user_id: str
    channel: Channel
    address: str
    since_s: float


class Removal(StrEnum):
    """What became of it in the address book."""

    REMOVED = "removed"
    SUPPRESSED = "suppressed"  # marked: an e-mail address, a phone number, a hook
    KEPT = "kept"  # registered later, or no longer there


def mark_of(channel: Channel, address: str) -> str:
    """As it stands among the marks of a contact; another address of the channel is not meant."""
    return f"{channel}:{address}"
