"""What became of deliveries: log, queues, alerts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from notifyd.core.channel import Channel
from notifyd.core.log_row import LogRow
from notifyd.core.retry_message import DeadMessage, RetryMessage


class DeliveryLog(Protocol):
    async def append(self, rows: Sequence[LogRow]) -> None:
        """Returns when every row is durable; repeats inside are folded. Raises when one could not be written."""
        ...

    async def claim_attempt(self, row: LogRow, until_s: float) -> LogRow | None:
        """None: this attempt is now ours until `until_s`. A row: whose it is (its detail holds `until_s`)."""
        ...

    async def rows_of_event(self, event_id: str) -> list[LogRow]:
        """Strongly consistent. A failure raises: it means not known, never absent."""
        ...


class Received(msgspec.Struct):
    """A message in hand: `receipt` deletes it; sends only while now < `visible_again_at_s` (elapsed clock)."""

    message: RetryMessage
    receipt: str
    visible_again_at_s: float


class RetryQueue(Protocol):
    """One channel's retry queue."""

    async def put(self, messages: Sequence[RetryMessage]) -> list[bool]:
        """Hands over; True where the entry was taken. Split by count and bytes; never raises for one entry."""
        ...

    async def receive(self, wait_s: float) -> list[Received]: ...
    async def delete(self, receipts: Sequence[str]) -> list[bool]: ...
    async def hide(self, receipt: str, seconds: float) -> None:
        """Leaves the message alone for so long."""
        ...

    async def depth(self) -> int:
        """Messages waiting, delayed or in hand, roughly."""
        ...


class DeadLetters(Protocol):
    async def put(self, channel: Channel | None, messages: Sequence[DeadMessage]) -> list[bool]:
        """On the channel's DLQ, or where it has none (malformed) on that of events."""
        ...

    async def depth(self, channel: Channel | None) -> int: ...


class Alerts(Protocol):
    async def raise_alert(self, subject: str, text: str) -> None:
        """Tells the people on call; folded, so that a thousand of the same are one. Never raises."""
        ...


class TemplateSource(Protocol):
    async def fetch(self, known_version: str | None) -> tuple[str, dict[str, str]] | None:
        """(version, {`<type>/<channel>.<part>`: text}), or None where `known_version` still stands."""
        ...
