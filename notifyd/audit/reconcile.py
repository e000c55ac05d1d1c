"""Finds events of the events table that the log knows nothing of: an outage outlasted the stream's retention."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Protocol

import msgspec

from notifyd.audit.parts import AuditedSource, Matched, Walk
from notifyd.audit.resend import Resender
from notifyd.audit.stretch import Stretch, StretchReader
from notifyd.core.event import Event, Record
from notifyd.core.reach import Reached, begins_at_s, reach_of
from notifyd.core.sequence import After, Position, TrimHorizon
from notifyd.errors import ConfigError, Fault
from notifyd.ports import Clock, Entropy, LeaseScan

# Where events stand that no shard brought: rows and messages name it as their position.
NOWHERE = Position("0")
_ELSEWHERE = Position("1")
_SHARD = "reconcile"
# 26-character ids take some 100 bytes each: what the daemon still has to read must not fill the memory.
_PENDING_MAX = 1_000_000


class Events(Protocol):
    """The table's items as insertions."""

    def pages(self, position: Position, *, items_per_s: float) -> AsyncIterator[list[Record]]: ...


class Found(msgspec.Struct):
    """`undated`: their time cannot be read, so nobody can tell whether they fall into the stretch. `unnamed`:
    their id is made of a sequence number, which the table does not hold. `pending`: the daemon will read them.
    """

    walked: int = 0
    in_stretch: int = 0
    accounted: int = 0
    pending: int = 0
    undated: int = 0
    unnamed: int = 0
    lost: int = 0


class Reconciler:
    """`scan` is older than what is read here. `resender` gets what has no account."""

    def __init__(
        self,
        audited: AuditedSource,
        events: Events,
        *,
        walk: Walk,
        scan: LeaseScan,
        resender: Resender,
        clock: Clock,
        entropy: Entropy,
        items_per_s: float,
    ) -> None:
        self._audited = audited
        self._events = events
        self._walk = walk
        self._scan = scan
        self._resender = resender
        self._clock = clock
        self._entropy = entropy
        self._items_per_s = items_per_s
        self._position = f"{audited.source.name}/{_SHARD}/{NOWHERE.text()}"
        self.found = Found()

    async def run(self, stretch: Stretch, progress: Callable[[int], None]) -> Found:
        """`stretch`: by the producers' own times. Raises ConfigError, AwsError or TransportError."""
        pending = await self._pending()
        begins_s = max(begins_at_s(self._scan.streams.get(self._audited.source.name)))
        async for records in self._events.pages(NOWHERE, items_per_s=self._items_per_s):
            await self._check(records, stretch, begins_s, pending)
            progress(self.found.walked)
        return self.found

    async def _pending(self) -> set[str]:
        """Ids of events that the stream still holds behind the checkpoints: they are the daemon's."""
        source, pending = self._audited.source, set[str]()
        reader = StretchReader(source, self._clock, self._entropy)
        for shard in await source.list_shards():
            reach = reach_of(self._scan.shards, source.name, shard.shard_id)
            if reach.finished:
                continue
            start = After(reach.checkpoint) if reach.checkpoint is not None else TrimHorizon()
            async for records in reader.after(shard.shard_id, start):
                decoded = self._audited.decoder.decode(shard.shard_id, records)
                pending.update(result.event_id for result in decoded if isinstance(result, Event))
                if len(pending) > _PENDING_MAX:
                    what = f"the daemon has over {_PENDING_MAX} records still to read"
                    raise ConfigError([Fault(source.name, what, "let it catch up, then reconcile")])
        return pending

    async def _check(self, records: list[Record], stretch: Stretch, begins_s: float, pending: set[str]) -> None:
        found = self.found
        found.walked += len(records)
        wanted: list[Matched] = []
        for event in self._events_of(records):
            if event.produced_at_s is None:
                found.undated += 1
            elif max(stretch.from_s, begins_s) <= event.produced_at_s < stretch.to_s:
                found.in_stretch += 1
                event.arrival_s = event.produced_at_s
                if event.event_id in pending:
                    found.pending += 1
                else:
                    wanted.append(Matched(self._position, Reached.SETTLED, before_start=False, decoded=event))
        part = [entry for entry in await self._walk.look_up(wanted) if entry.types]
        lost = await self._resender.part(part)
        found.lost += lost
        found.accounted += len(part) - lost

    def _events_of(self, records: list[Record]) -> list[Event]:
        """An id that moves with the position is none that the log could know."""
        events: list[Event] = []
        elsewhere = [msgspec.structs.replace(record, position=_ELSEWHERE) for record in records]
        decode = self._audited.decoder.decode
        for here, there in zip(decode(_SHARD, records), decode(_SHARD, elsewhere), strict=True):
            if isinstance(here, Event) and isinstance(there, Event):
                if here.event_id == there.event_id:
                    events.append(here)
                else:
                    self.found.unnamed += 1
        return events
