"""Deliveries in doubt: claimed by a predecessor, and what became of them only the log can tell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

import structlog

from notifyd.core.account import Account
from notifyd.core.audit import speaks_for_all
from notifyd.core.catalog import NotificationType
from notifyd.core.fan_out import rank
from notifyd.core.log_row import LogRow
from notifyd.flow.expand import Matched, Origin
from notifyd.flow.log_reader import LogReader
from notifyd.flow.orphanage import Orphanage
from notifyd.flow.prepared import Prepared
from notifyd.flow.repeats import Repeats
from notifyd.flow.resume import TELLING, resume
from notifyd.flow.said import SETTLED, TO_THE_DLQ, is_to_end, is_unsaid
from notifyd.flow.ticket import Ticket
from notifyd.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

_Meaning = tuple[str, str, str]  # user, type, channel
_ALL_CHANNELS = ""


class Recoverer:
    """Attaches prior outcomes to what a new owner prepares again."""

    def __init__(
        self, log_reader: LogReader, repeats: Repeats | None, orphanage: Orphanage, metrics: Metrics
    ) -> None:
        self._log_reader = log_reader
        self._repeats = repeats
        self._orphanage = orphanage
        self._metrics = metrics

    async def attach(self, in_doubt: Sequence[Matched]) -> None:
        """What the log has of each, or, where the event came before, that nothing is left to do."""
        if not in_doubt:
            return
        rows_of = await self._log_reader.rows_of([origin.event.event_id for _, origin, _ in in_doubt])
        for (prepared, origin, types), rows in zip(in_doubt, rows_of, strict=True):
            if not types or self._repeats is None or not self._repeats.set_aside(prepared, origin, rows):
                judge(prepared, origin, types, rows, self._orphanage)
        resent = [ticket for prepared, _, _ in in_doubt for ticket in prepared.tickets if ticket.again]
        for ticket in resent:
            self._metrics.in_doubt.add(1, ticket.delivery.channel)
        log.info("recovered", records=len(in_doubt), deliveries_in_doubt=len(resent))


def judge(
    prepared: Prepared,
    origin: Origin,
    types: Sequence[NotificationType],
    rows: Sequence[LogRow],
    orphanage: Orphanage,
) -> None:
    """Settles, hands over, buries or sends again each delivery of the record, as its rows say."""
    told = [row for row in rows if row.kind in TELLING and row.position == origin.position]
    if told:
        prepared.account = Account.EXPANDED  # whatever its event is matched by now
    kept, answered_ids = _kept(prepared, told)
    # What is buried anew is left to its dead end, which has the event.
    reburied_ids = {end.row.delivery_id for end in prepared.dead_ends if end.row is not None}
    of_user: defaultdict[tuple[str, str], list[LogRow]] = defaultdict(list)
    for row in told:
        of_user[row.user_id, row.type_name].append(row)
    prepared.rows = [row for row in prepared.rows if is_unsaid(row, origin.event, types, of_user)]
    prepared.dead_ends = [
        end
        for end in prepared.dead_ends
        if end.row is None or is_to_end(end.row, origin.event, types, of_user, answered_ids | reburied_ids)
    ]
    prepared.tickets = kept
    for own in _unplanned(told, answered_ids):
        kinds = {row.kind for row in own}
        if not kinds & SETTLED and not (kinds & TO_THE_DLQ and own[0].delivery_id in reburied_ids):
            orphanage.adopt(own, prepared, origin)


def _kept(prepared: Prepared, told: Sequence[LogRow]) -> tuple[list[Ticket], set[str]]:
    """Those of its tickets that still have to do something, and the ids that all of them answer for.

    Rows are matched on user × type × channel before the address, so that a changed address or opt-out never
    turns an accepted delivery into a fresh one.
    """
    rows_by_meaning: dict[_Meaning, list[LogRow]] = defaultdict(list)
    for row in told:
        channel = _ALL_CHANNELS if speaks_for_all(row) else row.channel or _ALL_CHANNELS
        rows_by_meaning[row.user_id, row.type_name, channel].append(row)
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
        elif resume(ticket, own):
            kept.append(ticket)
    return kept, planned_ids


def _ended_at_large(user_id: str, type_name: str, answered: Collection[_Meaning]) -> bool:
    """The user was suppressed or buried on all channels at once, or the whole event was expired."""
    return (user_id, type_name, _ALL_CHANNELS) in answered or ("", "", _ALL_CHANNELS) in answered


def _unplanned(told: Sequence[LogRow], answered_ids: Collection[str]) -> Collection[list[LogRow]]:
    """What was begun or ended and is planned no longer, by delivery."""
    by_id: dict[str, list[LogRow]] = defaultdict(list)
    for row in told:
        if row.delivery_id not in answered_ids:
            by_id[row.delivery_id].append(row)
    return by_id.values()


def _take_orphan(meant: list[LogRow], planned_ids: set[str]) -> list[LogRow]:
    """Rows of one delivery to an address that is planned no longer: they answer for one that is new."""
    orphan = next((row.delivery_id for row in meant if row.delivery_id not in planned_ids), None)
    if orphan is None:
        return []
    taken = [row for row in meant if row.delivery_id == orphan]
    meant[:] = [row for row in meant if row.delivery_id != orphan]
    return taken
