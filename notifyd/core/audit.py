"""Both equations over a stretch of a stream, one event at a time. Pure: events, rows and the ledger come in.

    read    = before_start + filtered + unmatched + malformed + duplicate + expanded
    planned = accepted + suppressed + rejected + expired + waiting + dead + in flight

What was expanded is told by the catalog as it stands now. A delivery is planned where the log has a row of it,
and where a channel of a type that names a user has none: in flight while the ledger says that the record is
not settled, else residue.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import TypeVar

import msgspec

from notifyd.core.account import Account, account_names
from notifyd.core.catalog import NotificationType
from notifyd.core.channel import Channel
from notifyd.core.event import Event
from notifyd.core.log_row import LogRow, RowKind
from notifyd.core.outcome import Reason
from notifyd.core.standing import DeliveryFound, Standing, deliveries, original_of, rows_at

# What one list of a report holds; beyond it the counts still tell all.
LISTED_MAX = 1000

Found = TypeVar("Found")


class Missing(msgspec.Struct, frozen=True):
    """Planned, and without a row. `channel` None: the user has none on any channel."""

    event_id: str
    user_id: str
    type_name: str
    channel: Channel | None
    position: str


class EventFound(msgspec.Struct):
    """What the log holds of one occurrence of an event.

    `undone`: begun before it was known that the event came before; they are no deliveries, but may have been sent.
    """

    account: Account
    deliveries: list[DeliveryFound]
    missing: list[Missing]
    undone: list[DeliveryFound] = []


def check_event(
    event: Event, types: Sequence[NotificationType], rows: Sequence[LogRow], position: str
) -> EventFound:
    """`rows`: all of the event's."""
    own = rows_at(rows, position)
    if not types and not own:
        return EventFound(Account.UNMATCHED, [], [])
    if original_of(rows, position) is not None:
        return EventFound(Account.DUPLICATE, [], [], deliveries(own))
    missing = [] if _expired_whole(own) else list(_missing(event, types, own, position))
    return EventFound(Account.EXPANDED, deliveries(own), missing)


def _expired_whole(rows: Iterable[LogRow]) -> bool:
    """An event older than record_age_max_s is one delivery, of nobody."""
    return any(row.kind is RowKind.EXPIRED and not row.type_name for row in rows)


def _missing(
    event: Event, types: Sequence[NotificationType], rows: Sequence[LogRow], position: str
) -> Iterable[Missing]:
    for one_type in types:
        for user_id in one_type.user_ids(event) or ("",):
            of_user = [row for row in rows if (row.user_id, row.type_name) == (user_id, one_type.name)]
            for channel in missing_channels(one_type, of_user):
                yield Missing(event.event_id, user_id, one_type.name, channel, position)


def missing_channels(one_type: NotificationType, rows: Sequence[LogRow]) -> tuple[Channel | None, ...]:
    """Channels of which no row of the user says anything; (None,) where there is no row at all.

    See `speaks_for_all`.
    """
    if not rows:
        return (None,)
    if any(map(speaks_for_all, rows)):
        return ()
    told = {row.channel for row in rows}
    return tuple(channel for channel in one_type.channels if channel not in told)


def speaks_for_all(row: LogRow) -> bool:
    """Whether it tells of its user's notification, not of one delivery: a row without a channel, and of a filter
    that raised before anything was tried.
    """
    return row.channel is None or (row.reason == Reason.FILTER_RAISED and row.attempt == 0)


class Tally:
    """Adds up a stretch; lists are cut at LISTED_MAX, counts are not."""

    def __init__(self) -> None:
        self.read = 0
        self.unread = 0
        self.unsettled = 0
        self.events: Counter[Account] = Counter()
        self.standings: Counter[Standing] = Counter()
        self.suppressed: Counter[str] = Counter()
        self.waiting: Counter[Channel] = Counter()
        self.in_flight = 0
        self.missing_count = 0
        self.missing: list[Missing] = []
        self.duplicates_count = 0
        self.duplicates: list[DeliveryFound] = []
        self.doubts_count = 0
        self.doubts: list[DeliveryFound] = []

    def count(self, account: Account) -> None:
        """One record that the ledger has read."""
        self.read += 1
        self.events[account] += 1

    def add(self, found: EventFound, *, settled: bool) -> None:
        self.count(found.account)
        for delivery in found.deliveries:
            self._add_delivery(delivery)
        for delivery in (*found.deliveries, *found.undone):
            self._add_doubts(delivery)
        if settled:
            self.missing_count += len(found.missing)
            _list(self.missing, found.missing)
        else:
            self.unsettled += 1
            self.in_flight += len(found.missing)

    def _add_delivery(self, delivery: DeliveryFound) -> None:
        self.standings[delivery.standing] += 1
        if delivery.standing is Standing.SUPPRESSED:
            self.suppressed[delivery.row.reason] += 1
        if delivery.standing is Standing.WAITING and delivery.row.channel is not None:
            self.waiting[delivery.row.channel] += 1

    def _add_doubts(self, delivery: DeliveryFound) -> None:
        if delivery.possible_duplicate:
            self.duplicates_count += 1
            _list(self.duplicates, [delivery])
        if delivery.in_doubt:
            self.doubts_count += 1
            _list(self.doubts, [delivery])

    @property
    def planned(self) -> int:
        return self.standings.total() + self.in_flight + self.missing_count

    def events_equation(self) -> dict[str, int]:
        terms = {name: self.events[account] for name, account in zip(account_names(), Account, strict=True)}
        return {"read": self.read, **terms}

    def deliveries_equation(self, stranded: int) -> dict[str, int]:
        """`stranded`: of those waiting, the ones that no retry queue holds."""
        terms = {standing.value: self.standings[standing] for standing in Standing}
        terms["waiting"] -= stranded
        return {"planned": self.planned, **terms, "in_flight": self.in_flight}


def residue(equation: Mapping[str, int]) -> int:
    """The first term less all others."""
    whole, *terms = equation.values()
    return whole - sum(terms)


def _list(kept: list[Found], found: Iterable[Found]) -> None:
    kept.extend(islice(found, LISTED_MAX - len(kept)))
