"""Lease table, delivery log and queues, each telling the judge what was done to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from notifyd.core.channel import Channel
from notifyd.core.lease import ShardItem
from notifyd.core.log_row import LogRow
from notifyd.core.retry_message import DeadMessage, RetryMessage
from notifyd.ports import ShardWrite
from tests.fakes.lease_table import FakeLeaseTable
from tests.fakes.queues import FakeDeadLetters, FakeRetryQueue


class Watcher(Protocol):
    """Who judges; each may raise AssertionError."""

    def taken(self, before: ShardItem, after: ShardItem) -> None: ...
    def written(self, before: ShardItem, after: ShardItem) -> None: ...
    def rowed(self, process: str, rows: Sequence[LogRow]) -> None: ...
    def read(self, process: str, event_id: str) -> None: ...
    def queued(self, message: RetryMessage) -> None: ...
    def buried(self, message: DeadMessage) -> None: ...


class WorldTable(FakeLeaseTable):
    def __init__(self, watcher: Watcher) -> None:
        super().__init__()
        self._watcher = watcher

    async def take(self, seen: ShardItem, owner: str, commit_id: str) -> ShardItem | None:
        before = self.shards[seen.key]
        taken = await super().take(seen, owner, commit_id)
        if taken is not None and taken is not before:
            self._watcher.taken(before, taken)
        return taken

    def apply(self, write: ShardWrite) -> ShardItem | None:
        before = self.shards[write.key]
        standing = super().apply(write)
        if standing is None:
            self._watcher.written(before, self.shards[write.key])
        return standing


class WorldLog:
    """Rows, found by event. `key_of`: what two rows must share to be one."""

    def __init__(self, watcher: Watcher, key_of: Callable[[LogRow], str] = lambda row: row.row) -> None:
        self._watcher = watcher
        self._key_of = key_of
        self._rows: dict[str, dict[str, LogRow]] = {}

    def rows(self) -> list[LogRow]:
        return [row for rows in self._rows.values() for row in rows.values()]

    def append(self, process: str, rows: Sequence[LogRow]) -> None:
        for row in rows:
            self._rows.setdefault(row.event_id, {})[self._key_of(row)] = row
        self._watcher.rowed(process, rows)

    def claim_attempt(self, row: LogRow, until_s: float) -> LogRow | None:
        rows = self._rows.setdefault(row.event_id, {})
        if row.row in rows:
            return rows[row.row]
        rows[row.row] = msgspec.structs.replace(row, detail={"until_s": until_s, **(row.detail or {})})
        return None

    def rows_of_event(self, process: str, event_id: str) -> list[LogRow]:
        self._watcher.read(process, event_id)
        return list(self._rows.get(event_id, {}).values())


class LogOf:
    """The log as one process has it: `ports.DeliveryLog`."""

    def __init__(self, log: WorldLog, process: str) -> None:
        self._log = log
        self._process = process

    async def append(self, rows: Sequence[LogRow]) -> None:
        self._log.append(self._process, rows)

    async def claim_attempt(self, row: LogRow, until_s: float) -> LogRow | None:
        return self._log.claim_attempt(row, until_s)

    async def rows_of_event(self, event_id: str) -> list[LogRow]:
        return self._log.rows_of_event(self._process, event_id)


class WorldRetryQueue(FakeRetryQueue):
    watcher: Watcher

    async def put(self, messages: Sequence[RetryMessage], now_s: float | None = None) -> list[bool]:
        taken = await super().put(messages, now_s)
        for message in messages:
            self.watcher.queued(message)
        return taken


class WorldDeadLetters(FakeDeadLetters):
    watcher: Watcher

    async def put(self, channel: Channel | None, messages: Sequence[DeadMessage]) -> list[bool]:
        taken = await super().put(channel, messages)
        for message in messages:
            self.watcher.buried(message)
        return taken
