"""Rows of the delivery log: appended, never overwritten."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

import msgspec

from notifyd.core.channel import Channel


class RowKind(StrEnum):
    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    UNKNOWN = "unknown"
    REJECTED = "rejected"
    ADDRESS_GONE = "address_gone"
    SUPPRESSED = "suppressed"
    EXPIRED = "expired"
    DEAD = "dead"
    POSSIBLE_DUPLICATE = "possible_duplicate"
    CLAIM = "claim"
    EVENT = "event"
    GAP = "gap"
    DUPLICATE = "duplicate"
    # what a provider reports later of what it took: feedback
    SENT = "sent"
    DELIVERED = "delivered"
    DELAYED = "delayed"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    OPENED = "opened"
    CLICKED = "clicked"


# Each tells of what befalls only what a provider took: a row of it proves that it did.
FEEDBACK = frozenset(
    {
        RowKind.SENT,
        RowKind.DELIVERED,
        RowKind.DELAYED,
        RowKind.BOUNCED,
        RowKind.COMPLAINED,
        RowKind.OPENED,
        RowKind.CLICKED,
    }
)
# What a delivery comes to: one of them, and nothing is sent any more.
ENDED = frozenset(
    {
        RowKind.ACCEPTED,
        RowKind.REJECTED,
        RowKind.ADDRESS_GONE,
        RowKind.SUPPRESSED,
        RowKind.EXPIRED,
        RowKind.DEAD,
    }
)


# Looked up once: naming an enum's member takes 70 ns, and each row is asked.
_CLAIM: Final = RowKind.CLAIM


class LogRow(msgspec.Struct, frozen=True, gc=False):
    """One thing that happened to one delivery.

    Partition `event_id`, sort key `row` = `delivery_id#attempt#kind#position` (`…#claim` has no position:
    it is the key that two workers race for). `position` is `stream/shard/sequence:sub`. `address_hint` is
    masked: the log holds no address in the clear. `expires_at_s`: DynamoDB's TTL.
    """

    event_id: str
    delivery_id: str
    attempt: int
    kind: RowKind
    position: str
    at_s: float
    expires_at_s: int
    user_id: str = ""
    type_name: str = ""
    channel: Channel | None = None
    address_hint: str = ""
    provider: str = ""
    provider_id: str = ""
    reason: str = ""
    detail: dict[str, Any] | None = None

    @property
    def row(self) -> str:
        base = f"{self.delivery_id}#{self.attempt}#{self.kind}"
        return base if self.kind is _CLAIM else f"{base}#{self.position}"
