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
from notifyd.ports import Clock, Source

# Who said when the shard's end was reached had a clock of his own.
_CLOCKS_APART_MAX_S = 3600.0


class Gap:
    """One shard's, while it is open: its far end is the next record that is read.

    The row is one of that record's effects: the checkpoint stays before the gap until it is durable, and
    whoever goes on after a crash meets the gap again.
    """

    def __init__(
        self,
        item: ShardItem,
        window: Window,
        *,
        source: Source,
        log_writer: LogWriter,
        watch: Watch,
        clock: Clock,
    ) -> None:
        self._item = item
        self._source = source
        self._window = window
        self._log_writer = log_writer
        self._watch = watch
        self._clock = clock
        self._after: str | None = None
        self._looked_back = False

    async def look_back(self) -> None:
        """Before the first read. Where nothing was read yet no service tells what it trimmed: only time does."""
        if self._looked_back:
            return
        tip_at_s = self._window.tip_at_s if self._window.is_unread else 0.0
        is_old = bool(tip_at_s) and self._clock.now_s() - tip_at_s > _CLOCKS_APART_MAX_S
        if is_old and not await self._is_whole():
            self.open("")
        self._looked_back = True

    def look(self, next_position: Position | None) -> None:
        """Before a part is taken in; None: the shard ends. Nothing is checkpointed, but something was read."""
        if self._window.lacks_first(next_position):
            self.open(self._window.checkpoint_text)

    async def trimmed(self, wanted: str) -> None:
        """The last record read is gone. On a quiet shard that is age alone: what followed it is still there."""
        age_s = self._clock.now_s() - self._window.checkpoint_arrival_s
        is_old = age_s > await self._source.retention_s() - _CLOCKS_APART_MAX_S
        if not (is_old and await self._is_whole()):
            self.open(wanted)

    async def _is_whole(self) -> bool:
        """What came since the shard's end was reached last cannot have been trimmed yet."""
        since_s = self._clock.now_s() - self._window.tip_at_s
        return since_s < await self._source.retention_s() - _CLOCKS_APART_MAX_S

    def at_tip(self, at_s: float) -> None:
        """Nothing more was there at `at_s`. While a gap is open no later owner may take the shard for whole."""
        if self._after is None:
            self._window.at_tip(at_s)

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
