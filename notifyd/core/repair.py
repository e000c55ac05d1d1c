"""A shard's item made anew, so that nothing accepted is sent again and nothing is lost. Pure.

What is behind a checkpoint that can still be read is settled. Nothing else of a damaged item is believed: all
that the shard holds behind it now is claimed and unsettled in the new one, so whoever takes the shard looks
each of these events up in the log. What arrives later was claimed by nobody, since nobody owned the shard.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from notifyd.core.account import Accounted
from notifyd.core.lease import ShardItem, StreamItem
from notifyd.core.sequence import After, AtTimestamp, Checkpoint, Position, ShardEnd, TrimHorizon
from notifyd.core.window import Progress, Window


class Left(msgspec.Struct, frozen=True):
    """What can still be read of an item; all at its default where there is none.

    `writer`: who could still write to it: its owner, where epoch, owner and commit_id are all there.
    """

    writer: str = ""
    epoch: int = 0
    checkpoint: Checkpoint | None = None
    checkpoint_arrival_s: float = 0.0
    accounted: dict[str, int] = {}
    children: tuple[str, ...] = ()


def unreadable(items: Iterable[ShardItem]) -> dict[str, str]:
    """Key → why, of items that are whole but for their runs of unsettled positions."""
    found: dict[str, str] = {}
    for item in items:
        try:
            Window.recovered(item.progress)
        except ValueError as damage:
            found[item.key] = str(damage)
    return found


def resume_at(left: Left, horizon: Checkpoint) -> Checkpoint:
    """Where reading goes on: behind what is settled for sure."""
    return left.checkpoint if isinstance(left.checkpoint, After | ShardEnd) else horizon


def horizon(stream: StreamItem, *, knows_time: bool, oldest_row_s: float) -> Checkpoint:
    """The oldest place from which the log can still tell what was accepted.

    `knows_time`: the source can be read from a time on. One that cannot keeps records for a day, rows live longer.
    """
    if not knows_time:
        return TrimHorizon()
    start_s = stream.start.timestamp_s if isinstance(stream.start, AtTimestamp) else 0.0
    return AtTimestamp(max(start_s, oldest_row_s))


def made_anew(
    left: Left,
    *,
    source: str,
    shard_id: str,
    parents: tuple[str, ...],
    resume: Checkpoint,
    tip: Position | None,
    commit_id: str,
) -> ShardItem:
    """`tip`: the last record behind `resume`, None where there is none."""
    checkpoint = resume.position if isinstance(resume, After) else None
    return ShardItem(
        source=source,
        shard_id=shard_id,
        start=TrimHorizon() if checkpoint is not None else resume,
        progress=Progress(
            checkpoint=checkpoint,
            checkpoint_arrival_s=left.checkpoint_arrival_s if checkpoint is not None else 0.0,
            claimed=tip if tip is not None else checkpoint,
            unsettled=b"",
            first_sequence="",
            accounted=Accounted.from_dict(left.accounted).as_dict(),
        ),
        parents=parents,
        children=left.children,
        epoch=left.epoch + 1,
        commit_id=commit_id,
    )
