"""The lease table in memory, with what DynamoDB would bill for each call."""

from __future__ import annotations

import msgspec

from bench.servers.capacity import Meter, item_bytes
from notifyd.aws.lease_items import heartbeat_item, shard_item, stream_item
from notifyd.core.lease import Heartbeat, ShardItem, StreamItem
from notifyd.ports import LeaseScan, ShardWrite
from tests.fakes.lease_table import FakeLeaseTable


class Billed(msgspec.Struct):
    """Calls and units since the last look. `refused`: takes and requests that somebody else was faster with."""

    scans: int = 0
    items_read: int = 0
    read_units: int = 0
    writes: int = 0
    write_units: int = 0
    takes: int = 0
    requests: int = 0
    refused: int = 0


class MeteredTable(FakeLeaseTable):
    """Items have the size that the real adapter gives them."""

    def __init__(self) -> None:
        super().__init__()
        self._meter = Meter()
        self._sizes_bytes: dict[str, int] = {}
        self._billed = Billed()

    def billed(self) -> Billed:
        """Since it was asked last."""
        said = self._meter.said()
        billed = msgspec.structs.replace(
            self._billed,
            read_units=sum(said["read_units"].values()),
            write_units=sum(said["write_units"].values()),
        )
        self._meter.clear()
        self._billed = Billed()
        return billed

    @property
    def size_bytes(self) -> int:
        return sum(self._sizes_bytes.values())

    async def scan(self) -> LeaseScan:
        self._billed.scans += 1
        self._billed.items_read += len(self._sizes_bytes)
        self._meter.read("scan", self.size_bytes)
        return await super().scan()

    async def beat(self, heartbeat: Heartbeat) -> None:
        await super().beat(heartbeat)
        self._wrote(f"worker#{heartbeat.worker_id}", item_bytes(heartbeat_item(heartbeat)))

    async def remove_worker(self, worker_id: str) -> None:
        await super().remove_worker(worker_id)
        self._wrote(f"worker#{worker_id}", 0)

    async def create_stream(self, item: StreamItem) -> bool:
        created = await super().create_stream(item)
        self._stream_written(item.source)
        return created

    async def note_listing(self, source: str, listed: bytes) -> None:
        await super().note_listing(source, listed)
        self._stream_written(source)

    async def lead(self, seen: StreamItem, worker_id: str) -> bool:
        leads = await super().lead(seen, worker_id)
        self._stream_written(seen.source)
        return leads

    async def create_shard(self, item: ShardItem) -> None:
        await super().create_shard(item)
        self._shard_written(item.key)

    async def take(self, seen: ShardItem, owner: str, commit_id: str) -> ShardItem | None:
        taken = await super().take(seen, owner, commit_id)
        self._shard_written(seen.key)
        self._billed.takes += 1
        self._billed.refused += taken is None
        return taken

    async def request(self, seen: ShardItem, worker_id: str) -> bool:
        requested = await super().request(seen, worker_id)
        self._shard_written(seen.key)
        self._billed.requests += 1
        self._billed.refused += not requested
        return requested

    async def write(self, write: ShardWrite) -> ShardItem | None:
        standing = await super().write(write)
        self._shard_written(write.key)
        return standing

    def _stream_written(self, source: str) -> None:
        self._wrote(f"stream#{source}", item_bytes(stream_item(self.streams[source])))

    def _shard_written(self, key: str) -> None:
        self._wrote(key, item_bytes(shard_item(self.shards[key])))

    def _wrote(self, key: str, after_bytes: int) -> None:
        """A write that is refused is billed as well."""
        self._billed.writes += 1
        self._meter.wrote(key, self._sizes_bytes.pop(key, 0), after_bytes)
        if after_bytes:
            self._sizes_bytes[key] = after_bytes
