"""What the rows of an event say already of its users, and what is still to be said."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from notifyd.core.audit import missing_channels, speaks_for_all
from notifyd.core.catalog import NotificationType
from notifyd.core.event import Event
from notifyd.core.log_row import ENDED, LogRow, RowKind
from notifyd.core.outcome import Reason

TO_THE_DLQ = frozenset({RowKind.DEAD, RowKind.EXPIRED})
# Beyond these nothing is left to do.
SETTLED = ENDED - TO_THE_DLQ

OfUser = Mapping[tuple[str, str], Sequence[LogRow]]
"""By user and type."""


def is_unsaid(row: LogRow, event: Event, types: Sequence[NotificationType], of_user: OfUser) -> bool:
    """Whether no row answers `row`, decided anew; it may speak for several, of whom some are answered."""
    for one_type, user_id in _spoken_for(row, event, types):
        answers = [*of_user.get((user_id, one_type.name), ()), *of_user.get(("", ""), ())]
        missing = missing_channels(one_type, answers)
        if missing if speaks_for_all(row) else {row.channel, None} & {*missing}:
            return True
    return False


def is_to_end(
    row: LogRow,
    event: Event,
    types: Sequence[NotificationType],
    of_user: OfUser,
    planned_ids: Collection[str],
) -> bool:
    """Whether `row`'s message goes to its DLQ: nothing else became of the delivery, or it may be missing there."""
    answers = [*of_user.get((row.user_id, row.type_name), ()), *of_user.get(("", ""), ())]
    kinds = {one.kind for one in answers if one.delivery_id == row.delivery_id}
    if kinds:
        return RowKind.DEAD in kinds and not kinds & SETTLED
    if row.reason == Reason.FILTER_RAISED:
        return is_unsaid(row, event, types, of_user)
    return not any(
        speaks_for_all(one) or (one.channel == row.channel and one.delivery_id not in planned_ids)
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
