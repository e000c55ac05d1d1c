"""A delivery on its way, and to whom its end is told."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Protocol

import msgspec

from notifyd.core.kept_event import KeptEvent
from notifyd.core.message import Delivery
from notifyd.core.outcome import Reason
from notifyd.core.retry_message import Attempted, RetryMessage


class TicketOwner(Protocol):
    """A shard, or a channel's retry path."""

    @property
    def holder(self) -> str:
        """The name under which it holds slots."""
        ...

    def may_send(self, ticket: Ticket) -> bool:
        """Whether it still owns what the delivery came from, and will until an answer can be expected."""
        ...

    async def prove(self, lapses: int) -> None:
        """Returns once it is known whether it outlived this worker's lapses: `may_send` then tells the truth."""
        ...

    def settled(self, tickets: Sequence[Ticket]) -> None:
        """Rows are durable and what is tried again is handed over."""
        ...

    def dropped(self, tickets: Sequence[Ticket]) -> None:
        """Not begun, because the owner no longer may."""
        ...


class Route(Enum):
    """What becomes of a claimed delivery."""

    SEND = "send"
    POSTPONE = "postpone"  # to the retry queue unsent: a look-up failed
    HAND_OVER = "hand over"  # its row says it is to be tried again, and nobody knows whether it was queued
    EXPIRE = "expire"  # its row says so; whether its message reached the DLQ, nobody knows
    LOOK_UP = "look up"  # to the retry queue unsent: in doubt, and somebody has to be asked
    BURY = "bury"  # to the DLQ: in doubt and held, or its row says so already


class Ticket(msgspec.Struct, eq=False):
    """`index`: the record's in its shard's window. `event`: for a later attempt.

    `again`: an earlier send of it may have been accepted, so this one is a possible duplicate. `doubted_at_s`:
    when that was noticed. `dead_for`: why it is buried, where that is its route. `refused_by`: providers that
    refused it in this turn, for reasons of their own.
    """

    delivery: Delivery
    owner: TicketOwner
    index: int
    position: str
    event: KeptEvent
    produced_at_s: float
    story: tuple[Attempted, ...] = ()
    again: bool = False
    doubted_at_s: float = 0.0
    route: Route = Route.SEND
    dead_for: str = Reason.IN_DOUBT_HELD
    enqueued_at_s: float = 0.0
    refused_by: tuple[str, ...] = ()

    def retry_message(
        self, *, attempt: int, not_before_s: float, story: tuple[Attempted, ...], in_doubt: bool
    ) -> RetryMessage:
        delivery = self.delivery
        return RetryMessage(
            delivery_id=delivery.delivery_id,
            event_id=delivery.event_id,
            position=self.position,
            user_id=delivery.user_id,
            type_name=delivery.type_name,
            channel=delivery.channel,
            address=delivery.address,
            attempt=attempt,
            arrival_s=delivery.arrival_s,
            deadline_at_s=delivery.deadline_at_s,
            not_before_s=not_before_s,
            event=self.event.envelope(),
            story=story,
            in_doubt=in_doubt,
            doubted_at_s=self.doubted_at_s,
            platform=delivery.platform,
        )
