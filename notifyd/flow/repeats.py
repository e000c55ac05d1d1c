"""What a producer sent twice: which record keeps the event, and which are its duplicates."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

import msgspec

from notifyd.core.account import Account
from notifyd.core.event import Record
from notifyd.core.fingerprints import Fingerprints
from notifyd.core.lease import ShardItem
from notifyd.core.log_row import LogRow, RowKind
from notifyd.core.log_rows import RowMaker
from notifyd.core.standing import original_of
from notifyd.core.window import Standing
from notifyd.flow.expand import Matched, Origin
from notifyd.flow.held_ids import HeldIds
from notifyd.flow.log_reader import LogReader
from notifyd.flow.log_writer import LogWriter
from notifyd.flow.prepared import Prepared
from notifyd.ports import Clock
from notifyd.telemetry.metrics import Metrics


class _Shard(msgspec.Struct):
    """What arrived before `asks_until_s` may repeat what a predecessor handled.

    `is_new`: nobody can have handled anything before.
    """

    held: HeldIds
    is_new: bool
    asks_until_s: float = 0.0


class Repeats:
    """Of one source. The first record that brings an event holds its id until it is settled.

    Who brings the id meanwhile is a duplicate: the holder is not settled, so whoever owns its shard brings the
    event to its end. Once it is settled its rows are durable, and the log alone tells. It is asked of what the
    fingerprints know, which may be wrong; and of all that they cannot know: what arrived within the window's
    time behind a predecessor's last record.

    A duplicate has a row before it is claimed, so that whoever recovers or audits it decides the same.
    """

    def __init__(
        self,
        fingerprints: Fingerprints,
        *,
        window_s: float,
        log_reader: LogReader,
        log_writer: LogWriter,
        rows: RowMaker,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._fingerprints = fingerprints
        self._window_s = window_s
        self._log_reader = log_reader
        self._log_writer = log_writer
        self._rows = rows
        self._clock = clock
        self._metrics = metrics
        self._shards: dict[str, _Shard] = {}
        self._held_at: dict[str, str] = {}

    def join(self, item: ShardItem) -> HeldIds:
        """The shard is read from now on."""
        progress = item.progress
        is_new = progress.checkpoint is None and progress.claimed is None and not item.parents
        held = HeldIds(self._held_at)
        self._shards[item.shard_id] = _Shard(held, is_new)
        return held

    def leave(self, shard_id: str) -> None:
        self._shards.pop(shard_id).held.leave()

    async def sift(
        self,
        shard_id: str,
        part: Sequence[Record],
        standings: Sequence[Standing],
        matched: Sequence[Matched],
        in_doubt: Sequence[Matched],
    ) -> None:
        """Makes duplicates of those of `matched` that are.

        `in_doubt`: those of them that recovery decides on. They hold their ids too.
        """
        shard = self._shards[shard_id]
        self._note_handled(shard, part, standings)
        named = [(entry, origin) for entry, origin, _ in matched if origin.event.own_id]
        event_ids = [origin.event.event_id for _, origin in named]
        met = self._fingerprints.note(event_ids, self._clock.elapsed_s(), part[0].arrival_s)
        doubted = {entry.index for entry, _, _ in in_doubt}
        duplicates: list[tuple[Prepared, Origin, str]] = []
        asked: list[tuple[Prepared, Origin]] = []
        why: list[str] = []
        for (entry, origin), was_met in zip(named, met, strict=True):
            holder_at = shard.held.hold(origin.event.event_id, origin.position)
            if holder_at is None:
                entry.holds = origin.event.event_id
            if entry.index in doubted:
                continue
            if holder_at is not None:
                duplicates.append((entry, origin, holder_at))
            elif was_met or origin.event.arrival_s < shard.asks_until_s:
                asked.append((entry, origin))
                why.append("fingerprint" if was_met else "takeover")
        duplicates += await self._ask(asked, why)
        await self._write_down(duplicates)

    def _note_handled(self, shard: _Shard, part: Sequence[Record], standings: Sequence[Standing]) -> None:
        """What lies before the first record read, and what a predecessor settled behind it, has no fingerprint."""
        if shard.is_new:
            return
        handled_s = part[0].arrival_s if not shard.asks_until_s else 0.0
        if Standing.SETTLED in standings:
            settled = zip(part, standings, strict=True)
            handled_s = max(record.arrival_s for record, standing in settled if standing is Standing.SETTLED)
        shard.asks_until_s = max(shard.asks_until_s, handled_s + self._window_s)

    async def _ask(
        self, asked: Sequence[tuple[Prepared, Origin]], why: Sequence[str]
    ) -> list[tuple[Prepared, Origin, str]]:
        if not asked:
            return []
        rows = await self._log_reader.rows_of([origin.event.event_id for _, origin in asked])
        originals = [original_of(found, origin.position) for (_, origin), found in zip(asked, rows, strict=True)]
        found = ["new" if original is None else "duplicate" for original in originals]
        self._metrics.dedupe_lookups.add_all(Counter(zip(why, found, strict=True)))
        return [
            (entry, origin, original)
            for (entry, origin), original in zip(asked, originals, strict=True)
            if original is not None
        ]

    async def _write_down(self, duplicates: Sequence[tuple[Prepared, Origin, str]]) -> None:
        if not duplicates:
            return
        now_s = self._clock.now_s()
        rows: list[LogRow] = []
        for entry, origin, original in duplicates:
            entry.account = Account.DUPLICATE
            event_id = origin.event.event_id
            rows.append(
                self._rows.duplicate_row(event_id, position=origin.position, original=original, at_s=now_s)
            )
        durable = asyncio.Event()
        self._log_writer.submit(rows, durable.set)
        await durable.wait()

    def set_aside(self, prepared: Prepared, origin: Origin, rows: Sequence[LogRow]) -> bool:
        """Whether a record in doubt is a duplicate: its predecessor may have begun it before that was known.

        It is not sent again; what may have been sent is listed.
        """
        if not origin.event.own_id or original_of(rows, origin.position) is None:
            return False
        now_s = self._clock.now_s()
        prepared.account = Account.DUPLICATE
        prepared.rows = [
            self._rows.row(ticket.delivery, RowKind.POSSIBLE_DUPLICATE, position=origin.position, at_s=now_s)
            for ticket in prepared.tickets
        ]
        for ticket in prepared.tickets:
            self._metrics.duplicates.add(1, ticket.delivery.channel)
        prepared.tickets, prepared.dead_ends = [], []
        return True
