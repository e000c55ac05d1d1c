"""What the lease table says of a position: settled, claimed, or not read yet. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

import msgspec

from notifyd.core.lease import ShardItem, StreamItem
from notifyd.core.sequence import AtTimestamp, Position


class Reached(Enum):
    SETTLED = "settled"
    UNSETTLED = "unsettled"  # claimed; or behind the checkpoint, where only the shard's owner knows
    UNREAD = "unread"


class Reach(msgspec.Struct, frozen=True):
    """One shard's progress at one moment. Rows of what it calls settled are durable since before that moment.

    `known` False: the item is missing or damaged, so nothing is known to be settled or unread.
    """

    checkpoint: Position | None = None
    claimed: Position | None = None
    finished: bool = False
    known: bool = True

    def of(self, position: Position) -> Reached:
        if self.finished or (self.checkpoint is not None and not position.is_after(self.checkpoint)):
            return Reached.SETTLED
        if not self.known or (self.claimed is not None and not position.is_after(self.claimed)):
            return Reached.UNSETTLED
        return Reached.UNREAD


def reach_of(items: Iterable[ShardItem], source: str, shard_id: str) -> Reach:
    for item in items:
        if (item.source, item.shard_id) == (source, shard_id):
            return Reach(item.progress.checkpoint, item.progress.claimed, finished=item.is_finished)
    return Reach(known=False)


def begins_at_s(stream: StreamItem | None) -> tuple[float, float]:
    """Arrivals before the first are never read, those before the second are settled as before_start."""
    if stream is None:
        return 0.0, 0.0
    read_from_s = stream.start.timestamp_s if isinstance(stream.start, AtTimestamp) else 0.0
    return read_from_s, stream.start_at_s
