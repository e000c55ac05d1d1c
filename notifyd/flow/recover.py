"""Deliveries in doubt: claimed by a predecessor, and what became of them only the log can tell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

import structlog

from notifyd.core.audit import missing_channels
from notifyd.core.catalog import NotificationType
from notifyd.core.channel import InDoubt
from notifyd.core.event import Event
from notifyd.core.fan_out import rank
from notifyd.core.log_row import LogRow, RowKind
from notifyd.core.message import Delivery
from notifyd.core.outcome import NO_ATTEMPTS, Reason
from notifyd.core.retry_message import Attempted
from notifyd.flow.expand import UNRENDERED, Matched, Origin
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
_OfUser = dict[tuple[str, str], list[LogRow]]  # by user and type
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
        for (prepared, origin, types), rows in zip(in_doubt, rows_of, strict=True):
            if self._repeats is None or not self._repeats.set_aside(prepared, origin, rows):
                judge(prepared, origin, types, rows)
        resent = [ticket for prepared, _, _ in in_doubt for ticket in prepared.tickets if ticket.again]
        for ticket in resent:
            self._metrics.in_doubt.add(1, ticket.delivery.channel)
        log.info("recovered", records=len(in_doubt), deliveries_in_doubt=len(resent))


def judge(prepared: Prepared, origin: Origin, types: Sequence[NotificationType], rows: Sequence[LogRow]) -> None:
    """Settles, hands over, buries or sends again each delivery of the record, as its rows say.

    Rows are matched on user × type × channel before the address, so that a changed address or opt-out never
    turns an accepted delivery into a fresh one.
    """
    told = [row for row in rows if row.kind in _OUTCOMES and row.position == origin.position]
    rows_by_meaning: dict[_Meaning, list[LogRow]] = defaultdict(list)
    for row in told:
        rows_by_meaning[row.user_id, row.type_name, row.channel or ""].append(row)
    planned_ids = {ticket.delivery.delivery_id for ticket in prepared.tickets}
    kept: list[Ticket] = []
    for ticket in prepared.tickets:
        delivery = ticket.delivery
        meant = rows_by_meaning.get((delivery.user_id, delivery.type_name, delivery.channel), [])
        own = [row for row in meant if row.delivery_id == delivery.delivery_id]
        if not own and (own := _take_orphan(meant, planned_ids)):
            # Its message may be on the queue: of two under one id only one is sent.
            delivery.delivery_id = own[0].delivery_id
            planned_ids.add(delivery.delivery_id)
        if not own and _ended_at_large(delivery.user_id, delivery.type_name, rows_by_meaning):
            continue
        if not own and prepared.begun_to and rank(delivery) > prepared.begun_to:
            kept.append(ticket)  # it had no slot yet
        elif _apply(ticket, own):
            kept.append(ticket)
    prepared.tickets = [*kept, *_unplanned(origin, types, told, planned_ids)]
    of_user: _OfUser = defaultdict(list)
    for row in told:
        of_user[row.user_id, row.type_name].append(row)
    prepared.rows = [row for row in prepared.rows if _is_unsaid(row, origin.event, types, of_user)]
    planned_ids.update(end.row.delivery_id for end in prepared.dead_ends if end.row is not None)
    prepared.dead_ends = [
        end
        for end in prepared.dead_ends
        if end.row is None or _is_to_end(end.row, origin.event, types, of_user, planned_ids)
    ]


def _ended_at_large(user_id: str, type_name: str, answered: Collection[_Meaning]) -> bool:
    """The user was suppressed on all channels at once, or the whole event was expired."""
    return (user_id, type_name, "") in answered or ("", "", "") in answered


def _unplanned(
    origin: Origin, types: Sequence[NotificationType], told: Sequence[LogRow], planned_ids: Collection[str]
) -> Iterator[Ticket]:
    """What was to be tried again and is planned no longer: handed over, for its message may be queued or not, and
    the next attempt asks what stands against it now. Ended here it might be sent all the same.
    """
    types_by_name = {one_type.name: one_type for one_type in types}
    by_id: dict[str, list[LogRow]] = defaultdict(list)
    for row in told:
        if row.delivery_id not in planned_ids:
            by_id[row.delivery_id].append(row)
    for own in by_id.values():
        one_type = types_by_name.get(own[0].type_name)
        if one_type is not None and all(row.kind in _GOES_ON for row in own):
            ticket = _ticket_of(own[0], origin, one_type)
            _apply(ticket, own)
            yield ticket


def _ticket_of(row: LogRow, origin: Origin, one_type: NotificationType) -> Ticket:
    """For another attempt. Its address is in no row: see `Reconsider`."""
    if row.channel is None:
        raise AssertionError(f"{row.row} was tried on no channel")
    event = origin.event
    delivery = Delivery(
        row.delivery_id,
        event.event_id,
        row.user_id,
        row.type_name,
        row.channel,
        "",
        one_type.lane,
        one_type.in_doubt,
        event.arrival_s,
        deadline_at_s=event.arrival_s + one_type.deadline_s,
        message=UNRENDERED,
    )
    produced_at_s = event.produced_at_s or event.arrival_s
    return Ticket(delivery, origin.owner, origin.index, origin.position, origin.kept, produced_at_s=produced_at_s)


def _is_unsaid(row: LogRow, event: Event, types: Sequence[NotificationType], of_user: _OfUser) -> bool:
    """Whether no row answers `row`, decided anew; it may speak for several, of whom some are answered."""
    for one_type, user_id in _spoken_for(row, event, types):
        answers = [*of_user.get((user_id, one_type.name), ()), *of_user.get(("", ""), ())]
        missing = missing_channels(one_type, answers)
        speaks_for_all = row.channel is None or row.reason == Reason.FILTER_RAISED
        if missing if speaks_for_all else {row.channel, None} & {*missing}:
            return True
    return False


def _is_to_end(
    row: LogRow,
    event: Event,
    types: Sequence[NotificationType],
    of_user: _OfUser,
    planned_ids: Collection[str],
) -> bool:
    """Whether `row`'s message goes to its DLQ: nothing else became of the delivery, or it may be missing there."""
    answers = [*of_user.get((row.user_id, row.type_name), ()), *of_user.get(("", ""), ())]
    kinds = {one.kind for one in answers if one.delivery_id == row.delivery_id}
    if kinds:
        return RowKind.DEAD in kinds and not kinds & _ENDED
    if row.reason == Reason.FILTER_RAISED:
        return _is_unsaid(row, event, types, of_user)
    return not any(
        one.channel is None or (one.channel == row.channel and one.delivery_id not in planned_ids)
        for one in answers
    )


def _spoken_for(
    row: LogRow, event: Event, types: Sequence[NotificationType]
) -> Iterator[tuple[NotificationType, str]]:
    """Without a type the row speaks for all of the event's, and for all users of theirs."""
    for one_type in types:
        if row.type_name == one_type.name:
            yield one_type, row.user_id
        elif not row.type_name:
            for user_id in one_type.user_ids(event) or ("",):
                yield one_type, user_id


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
