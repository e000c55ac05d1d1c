"""Each delivery comes to one end: nobody who has read of an end gives it another."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from notifyd.core.channel import Channel
from notifyd.core.log_row import LogRow, RowKind
from tests.simulation.world.meaning import channels_of, is_of_all_channels

ENDS = frozenset(
    {
        RowKind.ACCEPTED,
        RowKind.REJECTED,
        RowKind.ADDRESS_GONE,
        RowKind.SUPPRESSED,
        RowKind.EXPIRED,
        RowKind.DEAD,
    }
)
# A provider's word, and no decision.
_TOLD = frozenset({RowKind.ACCEPTED, RowKind.REJECTED, RowKind.ADDRESS_GONE})
# Written once more by a successor who cannot know whether the message reached its DLQ.
_REPEATED = frozenset({RowKind.DEAD, RowKind.EXPIRED})


class Ends:
    """Two ends of one delivery are a sender's who was too slow and his successor's: neither knew of the other."""

    def __init__(self) -> None:
        self._ends: defaultdict[str, dict[str, LogRow]] = defaultdict(dict)  # by event and key, as they came
        self._read: Counter[tuple[str, str]] = Counter()

    def read(self, process: str, event_id: str) -> None:
        """The process knows of all that stands there now."""
        self._read[process, event_id] = len(self._ends[event_id])

    def rowed(self, process: str, rows: Sequence[LogRow]) -> Iterator[str]:
        for row in rows:
            ends = self._ends[row.event_id]
            if row.kind not in ENDS or row.row in ends:
                continue
            known = list(ends.values())[: self._read[process, row.event_id]]
            against = _against(row, [one for one in known if one.position == row.position])
            ends[row.row] = row
            if against is not None:
                yield f"{process} writes {_named(row)} though it had read {_named(against)}"


def _against(row: LogRow, known: Sequence[LogRow]) -> LogRow | None:
    """An end that leaves nothing to say.

    A later attempt reads nothing where nobody had claimed it before, so that a slow sender's row may stand there;
    what it decides by itself it decides by its own delivery's rows.
    """
    if row.attempt > 1:
        own = (one for one in known if one.delivery_id == row.delivery_id and not _is_repeated(row, one))
        return None if row.kind in _TOLD else next(own, None)
    alike = [one for one in known if (one.user_id, one.type_name) == (row.user_id, row.type_name)]
    of_all = [one for one in alike if is_of_all_channels(one)]
    if of_all:
        return None if _is_repeated(row, of_all[0]) else of_all[0]
    if is_of_all_channels(row):
        left = {*channels_of(row.type_name)} - {one.channel for one in alike}
        return alike[0] if alike and not left else None
    for one in alike:
        is_same = one.delivery_id == row.delivery_id
        is_other = is_same or (one.channel is row.channel and row.channel is Channel.EMAIL)
        if is_other and not _is_repeated(row, one):
            return one
    return None


def _is_repeated(row: LogRow, before: LogRow) -> bool:
    return row.delivery_id == before.delivery_id and row.kind is before.kind and row.kind in _REPEATED


def _named(row: LogRow) -> str:
    what = f"{row.kind} {row.reason} of {row.delivery_id[:8]}"
    return f"{what} ({row.event_id} {row.user_id} {row.type_name} {row.channel})"
