"""How far deliveries came, told from the rows of the log. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from enum import StrEnum

import msgspec

from notifyd.core.log_row import LogRow, RowKind
from notifyd.core.outcome import Reason


class Standing(StrEnum):
    """The second equation's terms."""

    ACCEPTED = "accepted"
    SUPPRESSED = "suppressed"
    REJECTED = "rejected"
    EXPIRED = "expired"
    DEAD = "dead"
    WAITING = "waiting"


# The furthest counts: a redrive makes accepted of dead, and a late zombie's row undoes nothing.
_FURTHEST = (
    (RowKind.ACCEPTED, Standing.ACCEPTED),
    (RowKind.REJECTED, Standing.REJECTED),
    (RowKind.ADDRESS_GONE, Standing.REJECTED),
    (RowKind.SUPPRESSED, Standing.SUPPRESSED),
    (RowKind.EXPIRED, Standing.EXPIRED),
    (RowKind.DEAD, Standing.DEAD),
    (RowKind.DEFERRED, Standing.WAITING),
    (RowKind.UNKNOWN, Standing.WAITING),
    (RowKind.POSSIBLE_DUPLICATE, Standing.WAITING),
    (RowKind.CLAIM, Standing.WAITING),
)
_OF_DELIVERIES = frozenset(kind for kind, _ in _FURTHEST)
# A record with one of them has an event of its own to bring to its end. Who may only have been sent has none.
_OF_ITS_OWN = _OF_DELIVERIES - {RowKind.POSSIBLE_DUPLICATE}
_UNANSWERED = frozenset({RowKind.UNKNOWN, RowKind.POSSIBLE_DUPLICATE})


class DeliveryFound(msgspec.Struct, frozen=True):
    """One delivery as its rows have it; `row` is the furthest."""

    standing: Standing
    row: LogRow
    attempts: int
    possible_duplicate: bool = False
    in_doubt: bool = False


def rows_at(rows: Iterable[LogRow], position: str) -> list[LogRow]:
    """Those of one occurrence of an event, and of deliveries alone."""
    return [row for row in rows if row.position == position and row.kind in _OF_DELIVERIES]


def original_of(rows: Sequence[LogRow], position: str) -> str | None:
    """Where the event stands that came once more at `position`; None where it did not, or nobody knows of it.

    The one rule of dedupe. A record with deliveries of its own stays what it is, whatever others have. What was
    decided before the other had any has a row that says so; where crashes made two point to each other, neither
    believes it: no event is left to nobody.
    """
    positions = [row.position for row in rows if row.kind in _OF_ITS_OWN]
    if position in positions:
        return None
    if positions:
        return positions[0]
    decided = {
        row.position: str(row.detail["original"]) for row in rows if row.kind is RowKind.DUPLICATE and row.detail
    }
    at, passed = position, set[str]()
    while at in decided and at not in passed:
        passed.add(at)
        at = decided[at]
    return None if at in (position, *passed) else at


def deliveries(rows: Iterable[LogRow]) -> list[DeliveryFound]:
    """Each delivery once; `rows` are of one event."""
    of_delivery: dict[str, list[LogRow]] = defaultdict(list)
    for row in rows:
        if row.kind in _OF_DELIVERIES:
            of_delivery[row.delivery_id].append(row)
    return [_found(group) for group in of_delivery.values()]


def _found(rows: Sequence[LogRow]) -> DeliveryFound:
    kinds = {row.kind for row in rows}
    kind, standing = next(pair for pair in _FURTHEST if pair[0] in kinds)
    furthest = max((row for row in rows if row.kind is kind), key=lambda row: row.attempt)
    return DeliveryFound(
        standing=standing,
        row=furthest,
        attempts=max(row.attempt for row in rows),
        possible_duplicate=RowKind.POSSIBLE_DUPLICATE in kinds,
        in_doubt=bool(kinds & _UNANSWERED) or any(row.reason == Reason.IN_DOUBT_HELD for row in rows),
    )
