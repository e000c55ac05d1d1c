"""What of an event's deliveries is left to do, told by its rows. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from notifyd.core.audit import speaks_for_all
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
    decisions: Sequence[Decision],
    rows: Sequence[LogRow],
    *,
    position: str,
    identity: Identity,
    now_s: float,
) -> Left:
    """`rows`: of this user and type. An address without rows of its own is done with any final row of its channel,
    whatever the address was; so is everything where a final row speaks for all channels.
    """
    left = Left([], [])
    id_of = {
        planned: identity.delivery_id(event.event_id, user_id, one_type.name, planned.channel, planned.address)
        for planned in decisions
        if isinstance(planned, Planned)
    }
    ids = set(id_of.values())
    for decision in decisions:
        told = [row for row in rows if decision.channel in (None, row.channel) or speaks_for_all(row)]
        match decision:
            case Suppressed():
                if not told:
                    left.suppressed.append(decision)
            case Planned():
                delivery_id = id_of[decision]
                if any(row.delivery_id == delivery_id for row in told):
                    told = [row for row in told if row.delivery_id not in ids - {delivery_id}]
                elif not any(row.kind in ENDED for row in told):
                    delivery_id = _orphan_of(told, ids) or delivery_id  # the address may have changed since
                    ids.add(delivery_id)
                if not any(row.kind in ENDED for row in told):
                    own = [row for row in told if row.delivery_id == delivery_id]
                    left.messages.append(
                        _message(event, one_type, user_id, decision, delivery_id, own, position, now_s)
                    )
    return left


def _orphan_of(rows: Sequence[LogRow], ids: Collection[str]) -> str:
    """The delivery that was tried last of those to addresses that are planned no longer; "": there is none."""
    own = [row for row in rows if row.kind in _GOES_ON and row.delivery_id not in ids]
    return max(own, key=lambda row: row.attempt).delivery_id if own else ""


def _message(
    event: Event,
    one_type: NotificationType,
    user_id: str,
    planned: Planned,
    delivery_id: str,
    rows: Sequence[LogRow],
    position: str,
    now_s: float,
) -> RetryMessage:
    """Under the number behind the last attempt with an outcome: who holds a message of it already races for the
    same claim, so that one of the two is sent.
    """
    own = sorted((row for row in rows if row.kind in _GOES_ON), key=lambda row: row.attempt)
    story = tuple(
        Attempted(row.attempt, row.at_s, row.kind, row.reason, row.provider)
        for row in own
        if row.reason not in NO_ATTEMPTS
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
        platform=planned.platform,
    )
