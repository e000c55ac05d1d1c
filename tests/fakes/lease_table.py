"""The lease table in memory, with DynamoDB's conditions."""

from __future__ import annotations

import msgspec

from notifyd.core.lease import ITEM_FORMAT, Heartbeat, ShardItem, StreamItem
from notifyd.core.sequence import ShardEnd, TrimHorizon
from notifyd.core.window import Progress
from notifyd.errors import DamagedItem
from notifyd.ports import LeaseScan, ShardWrite
from tests.fakes.faults import Faults


class FakeLeaseTable:
    """`faults` by operation. `writes` holds every owner's write as it arrived, so that one can come late again."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.shards: dict[str, ShardItem] = {}
        self.heartbeats: dict[str, Heartbeat] = {}
        self.streams: dict[str, StreamItem] = {}
        self.damaged: dict[str, str] = {}
        self.writes: list[ShardWrite] = []

    # What a test does to the table.

    def damage(self, key: str, why: str = "attribute 'claimed' is missing") -> None:
        """The item is there and cannot be read."""
        self.damaged[key] = why

    def delete(self, key: str) -> None:
        del self.shards[key]

    def steal(self, key: str, owner: str) -> ShardItem:
        """As another worker's take would have it."""
        item = self.shards[key]
        taken = msgspec.structs.replace(
            item, lease_owner=owner, epoch=item.epoch + 1, commit_id=f"commit-of-{owner}"
        )
        self.shards[key] = taken
        return taken

    # The port.

    async def scan(self) -> LeaseScan:
        return await self.faults.call("scan", self._scan)

    async def beat(self, heartbeat: Heartbeat) -> None:
        def put() -> None:
            self.heartbeats[heartbeat.worker_id] = heartbeat

        await self.faults.call("beat", put)

    async def remove_worker(self, worker_id: str) -> None:
        def remove() -> None:
            self.heartbeats.pop(worker_id, None)

        await self.faults.call("remove_worker", remove)

    async def create_stream(self, item: StreamItem) -> bool:
        return await self.faults.call("create_stream", lambda: self.streams.setdefault(item.source, item) is item)

    async def note_listing(self, source: str, listed: bytes) -> None:
        def note() -> None:
            self.streams[source] = msgspec.structs.replace(self.streams[source], listed=listed)

        await self.faults.call("note_listing", note)

    async def create_shard(self, item: ShardItem) -> None:
        def create() -> None:
            self.shards.setdefault(item.key, item)
            if item.format != ITEM_FORMAT:
                self.damaged[item.key] = f"format {item.format}"

        await self.faults.call("create_shard", create)

    async def remove_shard(self, seen: ShardItem) -> None:
        def remove() -> None:
            standing = self.shards.get(seen.key)
            if standing is not None and standing.commit_id == seen.commit_id:
                del self.shards[seen.key]

        await self.faults.call("remove_shard", remove)

    async def take(self, seen: ShardItem, owner: str, commit_id: str) -> ShardItem | None:
        def take() -> ShardItem | None:
            standing = self._standing(seen.key)
            if standing.commit_id == commit_id:
                return standing
            if (standing.epoch, standing.commit_id) != (seen.epoch, seen.commit_id):
                return None
            taken = msgspec.structs.replace(
                standing, lease_owner=owner, epoch=seen.epoch + 1, commit_id=commit_id, requested_by=""
            )
            self.shards[seen.key] = taken
            return taken

        return await self.faults.call("take", take)

    async def request(self, seen: ShardItem, worker_id: str) -> bool:
        def request() -> bool:
            standing = self._standing(seen.key)
            if (standing.epoch, standing.requested_by) != (seen.epoch, seen.requested_by):
                return False
            self.shards[seen.key] = msgspec.structs.replace(standing, requested_by=worker_id)
            return True

        return await self.faults.call("request", request)

    async def lead(self, seen: StreamItem, worker_id: str) -> bool:
        def lead() -> bool:
            standing = self.streams[seen.source]
            if standing.leader != seen.leader:
                return False
            self.streams[seen.source] = msgspec.structs.replace(standing, leader=worker_id)
            return True

        return await self.faults.call("lead", lead)

    async def write(self, write: ShardWrite) -> ShardItem | None:
        return await self.faults.call("write", lambda: self.apply(write))

    def apply(self, write: ShardWrite) -> ShardItem | None:
        """A write that has arrived, in time or late."""
        self.writes.append(write)
        standing = self._standing(write.key)
        expected = (write.epoch, write.owner, write.previous_commit_id)
        if (standing.epoch, standing.lease_owner, standing.commit_id) != expected:
            return standing
        settled = write.progress.checkpoint is not None
        self.shards[write.key] = msgspec.structs.replace(
            standing,
            progress=write.progress if not write.finished else _without_checkpoint(write),
            start=ShardEnd() if write.finished else TrimHorizon() if settled else standing.start,
            commit_id=write.commit_id,
            lease_owner="" if write.release else standing.lease_owner,
        )
        return None

    def _scan(self) -> LeaseScan:
        return LeaseScan(
            shards=[item for key, item in self.shards.items() if key not in self.damaged],
            heartbeats=list(self.heartbeats.values()),
            streams=dict(self.streams),
            damaged=[DamagedItem(key, why) for key, why in self.damaged.items()],
        )

    def _standing(self, key: str) -> ShardItem:
        if key in self.damaged:
            raise DamagedItem(key, self.damaged[key])
        if key not in self.shards:
            raise DamagedItem(key, "the item is gone")
        return self.shards[key]


def _without_checkpoint(write: ShardWrite) -> Progress:
    """SHARD_END stands where the checkpoint stood."""
    return msgspec.structs.replace(write.progress, checkpoint=None)
