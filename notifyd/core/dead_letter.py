"""Messages on a DLQ: which are meant, and what may be done with each. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from notifyd.core.log_row import FEEDBACK, LogRow, RowKind
from notifyd.core.retry_message import DeadMessage, RetryMessage

_TAKEN = FEEDBACK | {RowKind.ACCEPTED}


class DeadFilter(msgspec.Struct, frozen=True):
    """None: any. `reason` is matched as the beginning of a message's; times in epoch seconds."""

    type_name: str | None = None
    reason: str | None = None
    from_s: float | None = None
    to_s: float | None = None
    delivery_id: str | None = None

    def passes(self, dead: DeadMessage) -> bool:
        delivery = dead.delivery
        return (
            (self.type_name is None or (delivery is not None and delivery.type_name == self.type_name))
            and (self.reason is None or dead.reason.startswith(self.reason))
            and (self.from_s is None or dead.at_s >= self.from_s)
            and (self.to_s is None or dead.at_s < self.to_s)
            and (self.delivery_id is None or (delivery is not None and delivery.delivery_id == self.delivery_id))
        )


class Fate(StrEnum):
    """What a redrive makes of a message."""

    REDRIVEN = "redriven"
    ACCEPTED_SINCE = "accepted_since"  # the log has it: it is taken off the DLQ, and nothing is sent
    IN_DOUBT = "in_doubt"  # it may have been sent: stays, unless forced
    PAST_DEADLINE = "past_deadline"  # stays, unless given a new one
    NO_DELIVERY = "no_delivery"  # malformed, buried before it was tried, or cut short: stays, for a replay


class Redrive(msgspec.Struct, frozen=True):
    """`deadline_at_s`: a new deadline for all; None: each keeps its own. `force`: also what may have been sent."""

    now_s: float
    deadline_at_s: float | None = None
    force: bool = False


def fate_of(dead: DeadMessage, rows: Iterable[LogRow], how: Redrive) -> tuple[Fate, RetryMessage | None]:
    """`rows`: of its event. The message for the retry queue comes with REDRIVEN alone.

    It begins a new story under the number behind the last attempt's: whoever holds an older copy loses the race
    for that attempt.
    """
    delivery = dead.delivery
    if delivery is None:
        return Fate.NO_DELIVERY, None
    own = [row for row in rows if row.delivery_id == delivery.delivery_id]
    if any(row.kind in _TAKEN for row in own):
        return Fate.ACCEPTED_SINCE, None
    if dead.body_base64 is not None:
        return Fate.NO_DELIVERY, None
    in_doubt = delivery.in_doubt or any(row.kind is RowKind.UNKNOWN for row in own)
    if in_doubt and not how.force:
        return Fate.IN_DOUBT, None
    deadline_at_s = delivery.deadline_at_s if how.deadline_at_s is None else how.deadline_at_s
    if deadline_at_s <= how.now_s:
        return Fate.PAST_DEADLINE, None
    attempt = max((row.attempt for row in own), default=0) + 1
    again = msgspec.structs.replace(
        delivery,
        attempt=max(attempt, delivery.attempt),
        deadline_at_s=deadline_at_s,
        not_before_s=how.now_s,
        story=(),
        in_doubt=in_doubt,
    )
    return Fate.REDRIVEN, again
