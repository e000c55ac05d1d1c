"""Decisions made again, beside those that the log has recorded. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from notifyd.core.channel import Channel
from notifyd.core.log_row import FEEDBACK, LogRow, RowKind
from notifyd.core.outcome import Reason
from notifyd.core.suppression import Decision, Planned

SEND = "send"
FILTER_RAISED = "dead: filter_raised"
NOTHING = "nothing"
# They stand beside the row that tells what was decided.
_NO_DECISION = FEEDBACK | {
    RowKind.CLAIM,
    RowKind.POSSIBLE_DUPLICATE,
    RowKind.EVENT,
    RowKind.GAP,
    RowKind.DUPLICATE,
}

Verdicts = Mapping[str, str]
"""Channel ("": all of them) → what was decided for it."""


class Difference(msgspec.Struct, frozen=True):
    event_id: str
    user_id: str
    type_name: str
    channel: str
    recorded: str
    decided: str


def recorded(rows: Iterable[LogRow]) -> Verdicts:
    """`rows`: of one user and type. A delivery's first row is the decision; later ones are what came of it."""
    first: dict[str, LogRow] = {}
    for row in rows:
        if row.kind in _NO_DECISION:
            continue
        known = first.get(row.delivery_id)
        if known is None or (row.attempt, row.at_s) < (known.attempt, known.at_s):
            first[row.delivery_id] = row
    return _joined((_channel_of(row), _verdict_of(row)) for row in first.values())


def decided(decisions: Sequence[Decision] | None) -> Verdicts:
    """None: the type's filter raised."""
    if decisions is None:
        return {"": FILTER_RAISED}
    return _joined(
        (decision.channel or "", SEND if isinstance(decision, Planned) else f"suppressed: {decision.reason}")
        for decision in decisions
    )


def differences(event_id: str, user_id: str, type_name: str, was: Verdicts, now: Verdicts) -> list[Difference]:
    return [
        Difference(event_id, user_id, type_name, channel, was.get(channel, NOTHING), now.get(channel, NOTHING))
        for channel in sorted(was.keys() | now.keys())
        if was.get(channel) != now.get(channel)
    ]


def _joined(pairs: Iterable[tuple[str, str]]) -> Verdicts:
    """A channel with several addresses may have several verdicts."""
    of_channel: dict[str, set[str]] = defaultdict(set)
    for channel, verdict in pairs:
        of_channel[channel].add(verdict)
    return {channel: " and ".join(sorted(verdicts)) for channel, verdicts in of_channel.items()}


def _channel_of(row: LogRow) -> str:
    channel: Channel | None = None if row.reason == Reason.FILTER_RAISED else row.channel
    return channel or ""


def _verdict_of(row: LogRow) -> str:
    if row.kind is RowKind.SUPPRESSED:
        return f"suppressed: {row.reason}"
    return FILTER_RAISED if row.reason == Reason.FILTER_RAISED else SEND
