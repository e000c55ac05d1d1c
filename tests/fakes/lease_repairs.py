"""Damaged items of the lease table in memory, over `FakeLeaseTable`."""

from __future__ import annotations

from typing import Any

from notifyd.core.lease import ShardItem
from notifyd.core.repair import Left
from notifyd.core.sequence import After
from tests.fakes.lease_table import FakeLeaseTable


class FakeLeaseRepairs:
    """Of a damaged item owner, epoch and checkpoint can still be read."""

    def __init__(self, table: FakeLeaseTable) -> None:
        self._table = table

    async def read(self, key: str) -> tuple[Left, Any]:
        item = self._table.shards.get(key)
        if item is None:
            return Left(), None
        checkpoint = item.progress.checkpoint
        reached = After(checkpoint) if checkpoint is not None else None
        return Left(writer=item.lease_owner, epoch=item.epoch, checkpoint=reached), item

    async def replace(self, item: ShardItem, seen: Any) -> bool:
        if self._table.shards.get(item.key) != seen:
            return False
        self._table.shards[item.key] = item
        self._table.damaged.pop(item.key, None)
        return True
