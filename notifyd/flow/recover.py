"""Deliveries in doubt: claimed by a predecessor, and what became of them only the log can tell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

import structlog

from notifyd.core.channel import InDoubt
from notifyd.core.fan_out import rank
from notifyd.core.log_row import LogRow, RowKind
from notifyd.core.message import Delivery
from notifyd.core.outcome import NO_ATTEMPTS
from notifyd.core.retry_message import Attempted
from notifyd.flow.expand import Matched
from notifyd.flow.log_reader import LogReader
from notifyd.flow.prepared import Prepared
from notifyd.flow.repeats import Repeats
from notifyd.flow.ticket import Route, Ticket
from notifyd.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

_ENDED = frozenset({RowKind.ACCEPTED, RowKind.REJECTED, RowKind.ADDRESS_GONE, RowKind.SUPPRESSED})
_GOES_ON = frozenset({RowKind.DEFERRED, RowKind.UNKNOWN})
_BURIED = frozenset({RowKind.DEAD, RowKind.EXPIRED})
_Meaning = tuple[str, str, str]  # user, type, channel
_OUTCOMES = _ENDED | _GOES_ON | _BURIED


class Recoverer:
    """Attaches prior outcomes to what a new owner prepares again."""

    def __init__(self, log_reader: LogReader, repeats: Repeats | None, metrics: Metrics) -> None:
        self._log_reader = log_reader
        self._repeats = repeats
        self._metrics = metrics

    async def attach(self, in_doubt: Sequence[Matched]) -> None:
        """What the log has of each, or, where the event came before, that nothing is left to do."""
        if not in_doubt:
            return
        rows_of = await self._log_reader.rows_of([origin.event.event_id for _, origin, _ in in_doubt])
        for (prepared, origin, _), rows in zip(in_doubt, rows_of, strict=True):
            if self._repeats is None or not self._repeats.set_aside(prepared, origin, rows):
                judge(prepared, rows)
        resent = [ticket for prepared, _, _ in in_doubt for ticket in prepared.tickets if ticket.again]
        for ticket in resent:
            self._metrics.in_doubt.add(1, ticket.delivery.channel)
        log.info("recovered", records=len(in_doubt), deliveries_in_doubt=len(resent))


def judge(prepared: Prepared, rows: Sequence[LogRow]) -> None:
    """Settles, hands over, buries or sends again each delivery of the record, as its rows say.

    Rows are matched on user × type × channel before the address, so that a changed address or opt-out never
    turns an accepted delivery into a fresh one.
    """
    rows_by_meaning: dict[_Meaning, list[LogRow]] = defaultdict(list)
    position = _position_of(prepared)
    for row in rows:
        if row.kind in _OUTCOMES and row.position == position:
            rows_by_meaning[row.user_id, row.type_name, row.channel or ""].append(row)
    planned_ids = {ticket.delivery.delivery_id for ticket in prepared.tickets}
    kept: list[Ticket] = []
    for ticket in prepared.tickets:
        delivery = ticket.delivery
        if _ended_at_large(delivery, rows_by_meaning):
            continue
        meant = rows_by_meaning.get((delivery.user_id, delivery.type_name, delivery.channel), [])
        own = [row for row in meant if row.delivery_id == delivery.delivery_id]
        if not own:
            own = _take_orphan(meant, planned_ids)
        if not own and prepared.begun_to and rank(delivery) > prepared.begun_to:
            kept.append(ticket)  # it had no slot yet
        elif _apply(ticket, own):
            kept.append(ticket)
    prepared.tickets = kept
    prepared.rows = [row for row in prepared.rows if not _is_answered(row, rows_by_meaning)]


def _ended_at_large(delivery: Delivery, answered: Collection[_Meaning]) -> bool:
    """The user was suppressed on all channels at once, or the whole event was expired."""
    return (delivery.user_id, delivery.type_name, "") in answered or ("", "", "") in answered


def _is_answered(row: LogRow, answered: Collection[_Meaning]) -> bool:
    """Something stands already for what the row would say; without user or channel it speaks for all of them."""
    return any(
        row.user_id in ("", user_id) and row.type_name in ("", type_name) and (row.channel or "") in ("", channel)
        for user_id, type_name, channel in answered
    )


def _take_orphan(meant: list[LogRow], planned_ids: set[str]) -> list[LogRow]:
    """Rows of one delivery to an address that is planned no longer: they answer for one that is new."""
    orphan = next((row.delivery_id for row in meant if row.delivery_id not in planned_ids), None)
    if orphan is None:
        return []
    taken = [row for row in meant if row.delivery_id == orphan]
    meant[:] = [row for row in meant if row.delivery_id != orphan]
    return taken


def _apply(ticket: Ticket, rows: Sequence[LogRow]) -> bool:
    """Whether the delivery still has to do something."""
    kinds = {row.kind for row in rows}
    if kinds & _ENDED:
        return False
    if not rows:
        ticket.again = True
        _doubt(ticket)
        return True
    last = max(rows, key=lambda row: row.attempt)
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
        if row.kind in _GOES_ON and row.reason not in NO_ATTEMPTS
    )


def _position_of(prepared: Prepared) -> str:
    if prepared.tickets:
        return prepared.tickets[0].position
    return prepared.rows[0].position if prepared.rows else ""
