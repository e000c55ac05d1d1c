"""What the stream lost before it was read: an alert at once, and a row that the checkpoint waits for."""

from __future__ import annotations

import asyncio

from notifyd.core.lease import ShardItem
from notifyd.core.log_row import LogRow, RowKind
from notifyd.core.sequence import Position
from notifyd.core.window import Window
from notifyd.flow.log_writer import LogWriter
from notifyd.flow.prepared import Prepared
from notifyd.flow.watch import Watch
from notifyd.ports import Clock


class Gap:
    """One shard's, while it is open: its far end is the next record that is read.

    The row is one of that record's effects: the checkpoint stays before the gap until it is durable, and
    whoever goes on after a crash meets the gap again.
    """

    def __init__(self, item: ShardItem, window: Window, log_writer: LogWriter, watch: Watch, clock: Clock) -> None:
        self._item = item
        self._window = window
        self._log_writer = log_writer
        self._watch = watch
        self._clock = clock
        self._after: str | None = None

    def open(self, after: str) -> None:
        """What came behind position `after` is gone; "": what the shard began with."""
        if self._after is not None:
            return
        self._watch.gap(self._item.key, after)
        self._window.skip_gap()
        self._after = after

    def close_at(self, prepared: Prepared, position: Position) -> None:
        """With the first record behind it."""
        if self._after is not None:
            prepared.rows.append(self._row(self._after, position.text()))
            self._after = None

    async def close_at_end(self) -> None:
        """Nothing came behind it any more. Returns when its row is durable."""
        if self._after is None:
            return
        durable = asyncio.Event()
        self._log_writer.submit([self._row(self._after, "")], durable.set)
        await durable.wait()
        self._after = None

    def _row(self, after: str, next_position: str) -> LogRow:
        return LogRow(
            event_id=f"gap#{self._item.key}",
            delivery_id="gap",
            attempt=0,
            kind=RowKind.GAP,
            position=f"{self._item.source}/{self._item.shard_id}/{next_position or after}",
            at_s=self._clock.now_s(),
            expires_at_s=0,
            detail={"after": after, "next": next_position},
        )
