"""How a delivery that a predecessor began goes on, as its rows say."""

from __future__ import annotations

from collections.abc import Sequence

from notifyd.core.channel import InDoubt
from notifyd.core.log_row import ENDED, LogRow, RowKind
from notifyd.core.outcome import NO_ATTEMPTS
from notifyd.core.retry_message import Attempted
from notifyd.flow.said import SETTLED
from notifyd.flow.ticket import Route, Ticket

GOES_ON = frozenset({RowKind.DEFERRED, RowKind.UNKNOWN})
_OUTCOMES = ENDED | GOES_ON
# A resend is listed before it is made: without an outcome as well, whether it was made nobody knows.
TELLING = _OUTCOMES | {RowKind.POSSIBLE_DUPLICATE}


def resume(ticket: Ticket, rows: Sequence[LogRow]) -> bool:
    """Whether the delivery still has to do something."""
    kinds = {row.kind for row in rows}
    if kinds & SETTLED:
        return False
    outcomes = [row for row in rows if row.kind in _OUTCOMES]
    if not outcomes:
        ticket.again = True
        _doubt(ticket)
        return True
    last = max(outcomes, key=lambda row: row.attempt)
    ticket.delivery.attempt = last.attempt
    ticket.again = RowKind.UNKNOWN in kinds
    ticket.story = story_of(rows)
    ticket.route = Route.HAND_OVER
    if RowKind.EXPIRED in kinds:
        ticket.route = Route.EXPIRE
    elif RowKind.DEAD in kinds:
        ticket.route = Route.BURY
        ticket.dead_for = next(row.reason for row in rows if row.kind is RowKind.DEAD)
    return True


def _doubt(ticket: Ticket) -> None:
    """Claimed, and nobody wrote down what became of it."""
    match ticket.delivery.in_doubt:
        case InDoubt.RESEND:
            pass
        case InDoubt.LOOK_UP:
            ticket.route = Route.LOOK_UP
        case InDoubt.HOLD:
            ticket.route = Route.BURY


def story_of(rows: Sequence[LogRow]) -> tuple[Attempted, ...]:
    """The tries that a delivery's rows tell of."""
    return tuple(
        Attempted(row.attempt, row.at_s, row.kind, row.reason, row.provider)
        for row in sorted(rows, key=lambda row: row.attempt)
        if row.kind in GOES_ON and row.reason not in NO_ATTEMPTS
    )
