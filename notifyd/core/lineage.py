"""Which shards get an item and which may be read, told from the listed tree and the items. Pure.

A shard may be read once its parents are at SHARD_END: both of a merge, an empty one too. A parent that has
left the stream counts as finished, or its children would wait for ever. A shard gets an item when it is
first listed, and one that was listed before has lost its item: reading it from the start would send all of
it again, so it waits for `leases repair`. Therefore items are made before the listing is noted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from hashlib import blake2b
from typing import Protocol

import msgspec

from notifyd.core.lease import ShardItem
from notifyd.core.sequence import Checkpoint, TrimHorizon

_FINGERPRINT_BYTES = 8
# 160 KB of a 400 KB item. A DynamoDB stream of 100 partitions opens 600 shards a day, each listed for a day.
_FINGERPRINTS_MAX = 20_000


class ListedShard(Protocol):
    """What ports.ShardInfo says of a shard."""

    @property
    def shard_id(self) -> str: ...
    @property
    def parents(self) -> tuple[str, ...]: ...


class NewShard(msgspec.Struct, frozen=True):
    """A shard that gets its item now; reading it will begin at `start`."""

    shard_id: str
    parents: tuple[str, ...]
    start: Checkpoint


class Plan(msgspec.Struct, frozen=True):
    """What a listing asks for, as shard ids.

    `startable`: unfinished, with every parent finished; they may be taken and read.
    `missing`: listed before and now without an item; they wait for a person.
    `outlived`: finished, and no longer in the stream; only now their items may go.
    """

    new: tuple[NewShard, ...]
    startable: frozenset[str]
    missing: tuple[str, ...]
    outlived: tuple[str, ...]


def plan(
    listed: Collection[ListedShard], items: Mapping[str, ShardItem], *, seen: bytes, first_start: Checkpoint
) -> Plan:
    """`items` by shard id; `seen`: what `note` made of the listings before, empty before the first.

    The shards of the first listing begin at `first_start`, whether they have parents or not: it is a place in
    time, or the horizon. All later ones begin at TRIM_HORIZON, because anything later than a child's first
    record loses what came before the child was listed.
    """
    fingerprints = _split(seen)
    start = TrimHorizon() if seen else first_start
    in_stream = {shard.shard_id for shard in listed}
    finished = {shard_id for shard_id, item in items.items() if item.is_finished} | _cleaned_up(listed, items)
    new: list[NewShard] = []
    missing: list[str] = []
    startable: set[str] = set()
    for shard in listed:
        item = items.get(shard.shard_id)
        if shard.shard_id in finished:
            continue
        if item is None and _fingerprint(shard.shard_id) in fingerprints:
            missing.append(shard.shard_id)
            continue
        if item is None:
            new.append(NewShard(shard.shard_id, shard.parents, start))
        if all(parent in finished or parent not in in_stream for parent in shard.parents):
            startable.add(shard.shard_id)
    outlived = (shard_id for shard_id in items.keys() - in_stream if items[shard_id].is_finished)
    return Plan(tuple(new), frozenset(startable), tuple(missing), tuple(sorted(outlived)))


def note(seen: bytes, listed: Iterable[ListedShard]) -> bytes:
    """`seen` with this listing's shards moved to its end; the oldest are forgotten when there are too many.

    Shards are remembered beyond their time in the stream: a listing that misses one for once must not make
    it a new one in the next.
    """
    now = dict.fromkeys(_fingerprint(shard.shard_id) for shard in listed)
    before = [fingerprint for fingerprint in _split(seen) if fingerprint not in now]
    return b"".join([*before, *now][-_FINGERPRINTS_MAX:])


def _cleaned_up(listed: Iterable[ListedShard], items: Mapping[str, ShardItem]) -> set[str]:
    """Parents without an item whose child has been read: nobody reads a child before its parents' end."""
    return {
        parent
        for shard in listed
        if (child := items.get(shard.shard_id)) is not None and (child.is_finished or _has_begun(child))
        for parent in shard.parents
        if parent not in items
    }


def _has_begun(item: ShardItem) -> bool:
    return item.progress.checkpoint is not None or item.progress.claimed is not None


def _fingerprint(shard_id: str) -> bytes:
    return blake2b(shard_id.encode(), digest_size=_FINGERPRINT_BYTES).digest()


def _split(seen: bytes) -> dict[bytes, None]:
    starts = range(0, len(seen), _FINGERPRINT_BYTES)
    return dict.fromkeys(seen[start : start + _FINGERPRINT_BYTES] for start in starts)
