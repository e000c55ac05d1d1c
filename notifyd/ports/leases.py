"""Who owns which shard."""

from __future__ import annotations

from typing import Protocol

import msgspec

from notifyd.core.lease import Heartbeat, ShardItem, StreamItem
from notifyd.core.window import Progress
from notifyd.errors import DamagedItem


class LeaseScan(msgspec.Struct):
    """The lease table, whole, read with strong consistency. Damaged items stand aside, each with its reason."""

    shards: list[ShardItem]
    heartbeats: list[Heartbeat]
    streams: dict[str, StreamItem]
    damaged: list[DamagedItem]


class ShardWrite(msgspec.Struct, frozen=True):
    """One write of an owner on its shard's item; the same bytes when it is sent again."""

    key: str
    owner: str
    epoch: int
    previous_commit_id: str
    commit_id: str
    progress: Progress
    finished: bool = False
    release: bool = False


class LeaseTable(Protocol):
    """Every call is one attempt that may raise AwsError or TransportError; what was done is then unknown."""

    async def scan(self) -> LeaseScan: ...
    async def beat(self, heartbeat: Heartbeat) -> None: ...
    async def remove_worker(self, worker_id: str) -> None: ...

    async def create_stream(self, item: StreamItem) -> bool:
        """False: it was initialised before, by whomever."""
        ...

    async def note_listing(self, source: str, listed: bytes) -> None: ...

    async def create_shard(self, item: ShardItem) -> None:
        """Where it exists already, it stays as it is."""
        ...

    async def remove_shard(self, seen: ShardItem) -> None:
        """Where somebody has written to it since, it stays."""
        ...

    async def take(self, seen: ShardItem, owner: str, commit_id: str) -> ShardItem | None:
        """Conditional on `seen`'s epoch and commit_id; the item as it is now ours, or None: refused."""
        ...

    async def request(self, seen: ShardItem, worker_id: str) -> bool:
        """Asks the owner to hand the shard over; False: it changed hands, or somebody else asked."""
        ...

    async def lead(self, seen: StreamItem, worker_id: str) -> bool:
        """Takes the listing of the stream's shards over from `seen.leader`; False: somebody else did."""
        ...

    async def write(self, write: ShardWrite) -> ShardItem | None:
        """None: applied. Else the condition failed, and this is the item as it stands.

        Raises:
            DamagedItem: the condition failed and the item that stands cannot be read, or is gone.
        """
        ...
