"""Takes over where a KCL application stopped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from notifyd.core.kcl import Imports, KclLease, Unusable, imports, of_stream
from notifyd.core.lease import ShardItem, StreamItem
from notifyd.core.lineage import note
from notifyd.core.sequence import TrimHorizon
from notifyd.errors import ConfigError, Fault
from notifyd.ports import Clock, LeaseTable, ShardInfo, Source

# KCL renews a lease every third of its failover time, of 10 s by default.
WATCH_S = 10.0


class KclLeases(Protocol):
    async def leases(self) -> list[KclLease]: ...


class Takeover(msgspec.Struct, frozen=True):
    """What is going to be written."""

    source: str
    imported: Imports
    listed: list[ShardInfo]


class KclImporter:
    def __init__(self, source: Source, stream_name: str, kcl: KclLeases, table: LeaseTable, clock: Clock) -> None:
        self._source = source
        self._stream_name = stream_name
        self._kcl = kcl
        self._table = table
        self._clock = clock

    async def prepare(self, timestamp_s: float | None) -> Takeover:
        """Watches that nobody renews KCL's leases any more.

        Raises:
            ConfigError: the stream is initialised already, KCL is at work, or a lease says nothing of use.
        """
        await self._check_ours()
        before = await self._leases()
        await self._clock.sleep(WATCH_S)
        leases = await self._leases()
        counters = {lease.key: lease.counter for lease in before}
        renewed = [lease for lease in leases if counters.get(lease.key) != lease.counter]
        if renewed:
            what = f"{len(renewed)} leases are still renewed, the first by {renewed[0].owner or 'nobody'}"
            raise self._fault(what, "stop the KCL application, then import")
        listed = await self._source.list_shards()
        latest = self._source.resolve_latest(self._clock.now_s())
        try:
            imported = imports(leases, listed, source=self._source.name, latest=latest, timestamp_s=timestamp_s)
        except Unusable as fault:
            mend = "let the KCL application checkpoint there, or start the source afresh with starting_position"
            raise self._fault(str(fault), mend) from None
        if not imported.items:
            raise self._fault("no lease in KCL's table is of a shard of this stream", "look at the table's name")
        return Takeover(self._source.name, imported, listed)

    async def write(self, takeover: Takeover) -> None:
        """Shards first: until the stream's item stands nothing counts, and the import can be made again.

        Raises:
            ConfigError: somebody initialised the stream meanwhile.
        """
        await self._check_ours(takeover.imported.items)
        for item in takeover.imported.items:
            await self._table.create_shard(item)
        told = {item.shard_id for item in takeover.imported.items}
        noted = note(b"", [shard for shard in takeover.listed if shard.shard_id in told])
        if not await self._table.create_stream(StreamItem(takeover.source, TrimHorizon(), listed=noted)):
            raise self._fault(
                "notifyd initialised the stream meanwhile", "stop it; delete its items; import again"
            )

    async def _leases(self) -> list[KclLease]:
        return of_stream(await self._kcl.leases(), self._stream_name)

    async def _check_ours(self, wanted: Sequence[ShardItem] = ()) -> None:
        """An import that was broken off may have left items: as they would be written now, or not at all."""
        scan = await self._table.scan()
        standing = [item for item in scan.shards if item.source == self._source.name]
        if self._source.name in scan.streams or any(item.epoch > 0 for item in standing):
            raise self._fault("notifyd reads this stream already", "see `notifyd leases`; delete its items first")
        if wanted and any(item not in wanted for item in standing):
            raise self._fault(
                "an import was broken off, and KCL has gone on since", "delete our items, import again"
            )

    def _fault(self, what: str, mend: str) -> ConfigError:
        return ConfigError([Fault(self._source.name, what, mend)])
