"""The shard tree of a source: initialised once, listed now and then, an item made for each new shard."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import structlog

from notifyd.core.account import Accounted
from notifyd.core.lease import LOST_FORMAT, ShardItem, StreamItem, shard_key
from notifyd.core.lineage import Plan, note, plan
from notifyd.core.sequence import AtTimestamp, Checkpoint, Latest, StartingPosition, TrimHorizon
from notifyd.core.window import Progress
from notifyd.errors import ConfigError, Fault
from notifyd.flow.watch import Watch
from notifyd.ports import Clock, LeaseScan, LeaseTable, Source

log = structlog.get_logger(__name__)

# Beyond its retention a shard is listed no more: by then no listing that misses one for once takes an item away.
_KEPT_LONGER_S = 24 * 3600.0
_REMOVED_MAX = 25

_NOTHING = Progress(
    checkpoint=None,
    checkpoint_arrival_s=0.0,
    claimed=None,
    unsettled=b"",
    first_sequence="",
    accounted=Accounted().as_dict(),
)


async def initialise(
    source: Source, table: LeaseTable, scan: LeaseScan, configured: StartingPosition | None, clock: Clock
) -> None:
    """Resolves where the stream begins, the first time it is met by anybody; afterwards the item stands.

    Raises:
        ConfigError: the stream has data and nobody said where to begin.
    """
    if source.name in scan.streams:
        return
    if configured is None and await source.holds_data():
        raise ConfigError(
            [
                Fault(
                    f"sources: {source.name}",
                    "the stream has data and this is the first start on it",
                    "set starting_position to LATEST, TRIM_HORIZON or a time",
                )
            ]
        )
    start, start_at_s = _resolve(source, configured, clock.now_s())
    if await table.create_stream(StreamItem(source.name, start, start_at_s)):
        log.info("stream_initialised", source=source.name, start=str(start), start_at_s=start_at_s)


def _resolve(source: Source, configured: StartingPosition | None, now_s: float) -> tuple[Checkpoint, float]:
    """LATEST only once, here. A service that knows no time to start from is read from its horizon, and what
    arrived before is settled as before_start; its arrivals are whole seconds, so the second itself is after.
    """
    match configured:
        case None | TrimHorizon():
            return TrimHorizon(), 0.0
        case Latest():
            return source.resolve_latest(now_s), float(int(now_s))
        case AtTimestamp(timestamp_s):
            starts_by_time = isinstance(source.resolve_latest(now_s), AtTimestamp)
            return (configured if starts_by_time else TrimHorizon()), float(int(timestamp_s))


async def sync(source: Source, table: LeaseTable, scan: LeaseScan, watch: Watch, now_s: float) -> Plan:
    """The leader's listing: items for what is new, a word about what is lost.

    An item names those parents alone that the stream still has: the others count as finished, and every worker
    can tell from the items which shards may start. Raises what listing or writing raises.
    """
    stream = scan.streams[source.name]
    listed = await source.list_shards()
    items = {item.shard_id: item for item in scan.shards if item.source == source.name}
    outcome = plan(listed, items, seen=stream.listed, first_start=stream.start)
    in_stream = {shard.shard_id for shard in listed}
    for shard in outcome.new:
        parents = tuple(parent for parent in shard.parents if parent in in_stream)
        unread = msgspec.structs.replace(_NOTHING, tip_at_s=now_s)
        await table.create_shard(ShardItem(source.name, shard.shard_id, shard.start, unread, parents=parents))
    # After the items: a crash in between makes them again, where the other order would report them lost.
    listing = note(stream.listed, listed)
    if listing != stream.listed:
        await table.note_listing(source.name, listing)
    damaged = {damage.key for damage in scan.damaged}
    for shard_id in outcome.missing:
        if shard_key(source.name, shard_id) not in damaged:
            watch.shard_stopped(shard_key(source.name, shard_id), "its item is gone from the lease table")
            # A mark that no version reads: to every worker the shard, and its children, wait for `leases repair`.
            await table.create_shard(ShardItem(source.name, shard_id, TrimHorizon(), _NOTHING, format=LOST_FORMAT))
    await _remove([items[shard_id] for shard_id in outcome.outlived], source, table, now_s)
    return outcome


async def _remove(outlived: Sequence[ShardItem], source: Source, table: LeaseTable, now_s: float) -> None:
    """Of shards long gone that were read out, some at a time: a scan reads all there are, and is billed for it."""
    if not outlived:
        return
    kept_s = await source.retention_s() + _KEPT_LONGER_S
    old = [item for item in outlived if 0 < _last_heard_s(item) < now_s - kept_s]
    for item in old[:_REMOVED_MAX]:
        await table.remove_shard(item)
    if old:
        log.info("finished_shards_removed", source=source.name, shards=len(old[:_REMOVED_MAX]))


def _last_heard_s(item: ShardItem) -> float:
    return max(item.progress.checkpoint_arrival_s, item.progress.tip_at_s)
