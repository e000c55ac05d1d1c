"""Where events come from."""

from __future__ import annotations

from typing import Protocol

import msgspec

from notifyd.core.event import Record
from notifyd.core.sequence import Checkpoint


class ShardInfo(msgspec.Struct, frozen=True):
    """A shard as the stream lists it. `parents`: of a merge there are two. `closed`: takes no more records."""

    shard_id: str
    parents: tuple[str, ...] = ()
    closed: bool = False
    first_sequence: str = ""


class Page(msgspec.Struct):
    """What one read returned. `ended`: the shard is closed and this was its last page.

    `behind_s`: now − arrival of the last record read (MillisBehindLatest where the service says so), None
    where unknown. `caught_up`: nothing more is there at the moment. `next_read_s`: the service wants this
    much time before the next read of the shard (Kinesis: 2 MiB/s). `is_short`: it holds less than was asked
    for, where that says something.
    """

    records: list[Record]
    ended: bool = False
    caught_up: bool = False
    behind_s: float | None = None
    next_read_s: float = 0.0
    is_short: bool = False


class ShardReader(Protocol):
    """One shard from one place on. Reading again after an expiry goes on after the last record handed out."""

    async def read(self) -> Page:
        """The next page; it may be empty while the shard is open.

        Raises:
            TrimmedData: the stream no longer holds what comes next.
            Throttled: pause, then call again; nothing was skipped.
            AwsError, TransportError: nothing was skipped; call again. ResourceNotFoundException: no such shard.
        """
        ...


class Source(Protocol):
    """DynamoDB Streams or Kinesis. `name` is stable: shard items are keyed by it."""

    @property
    def name(self) -> str: ...

    async def list_shards(self) -> list[ShardInfo]:
        """The whole shard tree, every page of it."""
        ...

    async def holds_data(self) -> bool:
        """Whether a first start has to be told where to begin: any shard holds a record now."""
        ...

    def resolve_latest(self, now_s: float) -> Checkpoint:
        """LATEST, once: AT_TIMESTAMP where the service knows it, else TRIM_HORIZON."""
        ...

    async def retention_s(self) -> float:
        """For so long after its arrival the stream keeps a record."""
        ...

    def reader(self, shard_id: str, start: Checkpoint) -> ShardReader: ...
