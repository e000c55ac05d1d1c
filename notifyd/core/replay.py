"""What of an event's deliveries is left to do, told by its rows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from notifyd.core.catalog import NotificationType
from notifyd.core.delivery_id import Identity
from notifyd.core.event import Event
from notifyd.core.log_row import ENDED, LogRow, RowKind
from notifyd.core.outcome import NO_ATTEMPTS
from notifyd.core.retry_message import Attempted, RetryMessage
from notifyd.core.suppression import Decision, Planned, Suppressed

_GOES_ON = frozenset({RowKind.DEFERRED, RowKind.UNKNOWN})


class Left(msgspec.Struct):
    """Messages for the retry queues, and decisions against that have no row yet."""

    messages: list[RetryMessage]
    suppressed: list[Suppressed]


def left_to_do(
    event: Event,
    one_type: NotificationType,
    user_id: str,
    decisions: Iterable[Decision],
    rows: Sequence[LogRow],
    *,
    position: str,
    identity: Identity,
    now_s: float,
) -> Left:
    """`rows`: of this user and type. A channel with an accepted or otherwise final row is done, whatever the
    address was; so is everything where a final row speaks for all channels.
    """
    left = Left([], [])
    for decision in decisions:
        told = [row for row in rows if decision.channel is None or row.channel in (decision.channel, None)]
        match decision:
            case Suppressed():
                if not told:
                    left.suppressed.append(decision)
            case Planned():
                if not any(row.kind in ENDED for row in told):
                    left.messages.append(
                        _message(event, one_type, user_id, decision, told, position, identity, now_s)
                    )
    return left


def _message(
    event: Event,
    one_type: NotificationType,
    user_id: str,
    planned: Planned,
    rows: Sequence[LogRow],
    position: str,
    identity: Identity,
    now_s: float,
) -> RetryMessage:
    """Under the number behind the last attempt with an outcome: who holds a message of it already races for the
    same claim, so that one of the two is sent.
    """
    delivery_id = identity.delivery_id(event.event_id, user_id, one_type.name, planned.channel, planned.address)
    own = sorted((row for row in rows if row.kind in _GOES_ON), key=lambda row: row.attempt)
    if own:
        delivery_id = own[-1].delivery_id  # the address may have changed since
    story = tuple(
        Attempted(row.attempt, row.at_s, row.kind, row.reason, row.provider)
        for row in own
        if row.delivery_id == delivery_id and row.reason not in NO_ATTEMPTS
    )
    envelope: dict[str, Any] = event.envelope
    return RetryMessage(
        delivery_id=delivery_id,
        event_id=event.event_id,
        position=position,
        user_id=user_id,
        type_name=one_type.name,
        channel=planned.channel,
        address=planned.address,
        attempt=own[-1].attempt + 1 if own else 1,
        arrival_s=event.arrival_s,
        deadline_at_s=event.arrival_s + one_type.deadline_s,
        not_before_s=now_s,
        event=envelope,
        story=story,
        in_doubt=any(row.kind is RowKind.UNKNOWN for row in own),
    )
