"""Finds shards whose item is missing or damaged, and makes their items anew."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from notifyd.audit.stretch import StretchReader
from notifyd.core.lease import Heartbeat, ShardItem, StreamItem, shard_key
from notifyd.core.lineage import plan
from notifyd.core.repair import Left, horizon, made_anew, resume_at, unreadable
from notifyd.core.sequence import AtTimestamp, Checkpoint, Position, ShardEnd
from notifyd.errors import Fault
from notifyd.ports import Clock, Entropy, LeaseScan, LeaseTable, ShardInfo, Source

_MISSING = "its item is gone from the lease table"


class LeaseRepairs(Protocol):
    """Reads and replaces single items, whatever is in them."""

    async def read(self, key: str) -> tuple[Left, Any]: ...
    async def replace(self, item: ShardItem, seen: Any) -> bool: ...


class Broken(msgspec.Struct, frozen=True):
    """A shard that waits for a person."""

    key: str
    source: str
    shard_id: str
    why: str


class Mend(msgspec.Struct, frozen=True):
    """What is going to be written: all up to `item.progress.claimed` is looked up in the log."""

    broken: Broken
    item: ShardItem
    seen: Any


class Repairer:
    def __init__(
        self,
        *,
        sources: Sequence[Source],
        table: LeaseTable,
        repairs: LeaseRepairs,
        clock: Clock,
        entropy: Entropy,
        failover_time_s: float,
        log_ttl_s: float,
    ) -> None:
        self._sources = {source.name: source for source in sources}
        self._table = table
        self._repairs = repairs
        self._clock = clock
        self._entropy = entropy
        self._failover_time_s = failover_time_s
        self._log_ttl_s = log_ttl_s

    async def find(self) -> tuple[list[Broken], list[Fault]]:
        """Shards to repair, and what is damaged and no shard's. Raises AwsError or TransportError."""
        scan = await self._table.scan()
        broken: list[Broken] = []
        faults: list[Fault] = []
        damaged = {damage.key: damage.why for damage in scan.damaged} | unreadable(scan.shards)
        for key, why in damaged.items():
            kind, _, rest = key.partition("#")
            name, _, shard_id = rest.partition("#")
            if kind == "shard" and name in self._sources:
                broken.append(Broken(key, name, shard_id, why))
            else:
                faults.append(Fault(key, why, _mend_of(kind)))
        known = {one.key for one in broken}
        for name, source in self._sources.items():
            if (stream := scan.streams.get(name)) is not None:
                broken += [one for one in await _missing(source, stream, scan) if one.key not in known]
        return broken, faults

    async def prepare(self, broken: Sequence[Broken]) -> tuple[list[Mend], list[Fault]]:
        """Watches for failover_time_s that no live worker writes to them, then reads what they hold."""
        before = await self._table.scan()
        lefts = {one.key: await self._repairs.read(one.key) for one in broken}
        if before.heartbeats:
            await self._clock.sleep(self._failover_time_s)
        scan = await self._table.scan()
        living = _moved(before.heartbeats, scan.heartbeats)
        mends: list[Mend] = []
        faults: list[Fault] = []
        for one in broken:
            left, seen = lefts[one.key]
            fault = await self._refusal(one, left, seen, living, scan)
            if fault is not None:
                faults.append(fault)
                continue
            mend = await self._mend(one, left, seen, scan.streams[one.source])
            if mend is None:
                gone = "the stream no longer has the shard"
                faults.append(Fault(one.key, gone, "delete the item; `notifyd reconcile` finds what was lost"))
            else:
                mends.append(mend)
        return mends, faults

    async def _refusal(
        self, one: Broken, left: Left, seen: Any, living: Collection[str], scan: LeaseScan
    ) -> Fault | None:
        if one.source not in scan.streams:
            return Fault(one.key, "its stream was never initialised", "start notifyd: it makes the item")
        if left.writer in living:
            return Fault(one.key, f"worker {left.writer} is alive and may own it", "stop that worker first")
        if (await self._repairs.read(one.key))[1] != seen:
            return Fault(one.key, "somebody writes to it", "stop the workers, then repair")
        return None

    async def _mend(self, one: Broken, left: Left, seen: Any, stream: StreamItem) -> Mend | None:
        source = self._sources[one.source]
        listed = {shard.shard_id: shard for shard in await source.list_shards()}
        shard = listed.get(one.shard_id)
        if shard is None:
            return None
        oldest_row_s = self._clock.now_s() - self._log_ttl_s
        knows_time = isinstance(source.resolve_latest(oldest_row_s), AtTimestamp)
        resume = resume_at(left, horizon(stream, knows_time=knows_time, oldest_row_s=oldest_row_s))
        item = made_anew(
            left,
            source=one.source,
            shard_id=one.shard_id,
            parents=_parents(shard, listed),
            resume=resume,
            tip=await self._tip(source, one.shard_id, resume),
            commit_id=self._entropy.token(),
        )
        return Mend(one, item, seen)

    async def _tip(self, source: Source, shard_id: str, resume: Checkpoint) -> Position | None:
        """The last record that the shard holds now."""
        if isinstance(resume, ShardEnd):
            return None
        tip: Position | None = None
        async for part in StretchReader(source, self._clock, self._entropy).after(shard_id, resume):
            tip = part[-1].position
        return tip

    async def write(self, mends: Sequence[Mend]) -> list[Fault]:
        """Each by a write conditional on what was read; what was refused."""
        return [
            Fault(mend.broken.key, "somebody wrote to it meanwhile", "look again: `notifyd leases`")
            for mend in mends
            if not await self._repairs.replace(mend.item, mend.seen)
        ]


async def _missing(source: Source, stream: StreamItem, scan: LeaseScan) -> list[Broken]:
    items = {item.shard_id: item for item in scan.shards if item.source == source.name}
    outcome = plan(await source.list_shards(), items, seen=stream.listed, first_start=stream.start)
    return [
        Broken(shard_key(source.name, shard_id), source.name, shard_id, _MISSING) for shard_id in outcome.missing
    ]


def _parents(shard: ShardInfo, listed: Mapping[str, ShardInfo]) -> tuple[str, ...]:
    """Those that the stream still has: the others count as finished."""
    return tuple(parent for parent in shard.parents if parent in listed)


def _moved(before: Sequence[Heartbeat], after: Sequence[Heartbeat]) -> set[str]:
    """Workers whose counter moved, and those that came."""
    counters = {beat.worker_id: beat.counter for beat in before}
    return {beat.worker_id for beat in after if counters.get(beat.worker_id) != beat.counter}


def _mend_of(kind: str) -> str:
    match kind:
        case "worker":
            return "delete it: its worker writes it again"
        case "stream":
            return "stop all workers and delete it: the next start makes it again, and its shards go on"
        case _:
            return "it belongs to no source of this config"
