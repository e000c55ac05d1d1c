"""A KCL application's leases as shard items of ours. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from notifyd.core.account import Accounted
from notifyd.core.lease import ShardItem
from notifyd.core.lineage import ListedShard
from notifyd.core.sequence import After, AtTimestamp, Checkpoint, Position, ShardEnd, TrimHorizon
from notifyd.core.window import Progress


class KclLease(msgspec.Struct, frozen=True):
    """One item of KCL's table. `sub_sequence`: inside a KPL aggregate, of the last record processed."""

    key: str
    counter: int
    checkpoint: str
    owner: str = ""
    sub_sequence: int = 0

    @property
    def shard_id(self) -> str:
        """The key is `account:stream:created:shard` where the application reads several streams."""
        return self.key.rpartition(":")[2]


class Unusable(ValueError):
    """A lease, or a shard without one, that says nothing of where to go on. The text says why."""


class Imports(msgspec.Struct, frozen=True):
    """`untold`: shards that KCL has not met yet; the first listing makes them, from their first record on."""

    items: tuple[ShardItem, ...]
    untold: tuple[str, ...]


def of_stream(leases: Iterable[KclLease], stream_name: str) -> list[KclLease]:
    """Leases of this stream, where the table holds those of several."""
    return [lease for lease in leases if ":" not in lease.key or lease.key.split(":")[1] == stream_name]


def imports(
    leases: Sequence[KclLease],
    listed: Sequence[ListedShard],
    *,
    source: str,
    latest: Checkpoint,
    timestamp_s: float | None,
) -> Imports:
    """Items for the shards that the stream still has.

    `latest`: where LATEST is now. `timestamp_s`: KCL keeps the time of an AT_TIMESTAMP in its own config.

    Raises:
        Unusable: with the shard and why.
    """
    of_shard = {lease.shard_id: lease for lease in leases}
    parents_of = {shard.shard_id: shard.parents for shard in listed}
    read_out = _ancestors(of_shard, parents_of) - of_shard.keys()
    items: list[ShardItem] = []
    untold: list[str] = []
    for shard in listed:
        lease = of_shard.get(shard.shard_id)
        if lease is not None:
            reached = _checkpoint(lease, latest, timestamp_s)
        elif shard.shard_id in read_out:
            reached = ShardEnd()  # KCL has cleaned it up: nobody reads a child before its parents' end
        elif _ancestors([shard.shard_id], parents_of) & of_shard.keys():
            untold.append(shard.shard_id)
            continue
        else:
            raise Unusable(f"{shard.shard_id}: KCL's table has no lease of it, of a parent or of a child")
        parents = tuple(parent for parent in shard.parents if parent in parents_of)
        items.append(_item(source, shard.shard_id, parents, reached))
    return Imports(tuple(items), tuple(untold))


def _ancestors(shards: Iterable[str], parents_of: Mapping[str, tuple[str, ...]]) -> set[str]:
    """Of all of these, in the listed tree."""
    found: set[str] = set()
    to_do = list(shards)
    while to_do:
        for parent in parents_of.get(to_do.pop(), ()):
            if parent not in found:
                found.add(parent)
                to_do.append(parent)
    return found


def _checkpoint(lease: KclLease, latest: Checkpoint, timestamp_s: float | None) -> Checkpoint:
    match lease.checkpoint:
        case "TRIM_HORIZON":
            return TrimHorizon()
        case "SHARD_END":
            return ShardEnd()
        case "LATEST" if isinstance(latest, AtTimestamp):
            return latest
        case "LATEST":
            raise Unusable(f"{lease.shard_id}: is at LATEST, which this stream cannot be read from for one shard")
        case "AT_TIMESTAMP" if timestamp_s is not None:
            return AtTimestamp(timestamp_s)
        case "AT_TIMESTAMP":
            raise Unusable(f"{lease.shard_id}: is at AT_TIMESTAMP; say with --timestamp which that is")
        case sequence if sequence.isdecimal():
            return After(Position(sequence, lease.sub_sequence))
        case other:
            raise Unusable(f"{lease.shard_id}: the checkpoint {other!r} is none of KCL's")


def _item(source: str, shard_id: str, parents: tuple[str, ...], reached: Checkpoint) -> ShardItem:
    position = reached.position if isinstance(reached, After) else None
    progress = Progress(
        checkpoint=position,
        checkpoint_arrival_s=0.0,
        claimed=position,
        unsettled=b"",
        first_sequence="",
        accounted=Accounted().as_dict(),
    )
    return ShardItem(source, shard_id, TrimHorizon() if position else reached, progress, parents=parents)
