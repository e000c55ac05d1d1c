"""The chained writes of one owner on its shard's item."""

from __future__ import annotations

import structlog

from notifyd.core.lease import Refusal, ShardItem, judge_refusal
from notifyd.core.window import Progress
from notifyd.errors import AwsError, DamagedItem, TransportError
from notifyd.flow.backoff import Backoff
from notifyd.ports import Clock, Entropy, LeaseTable, ShardWrite

log = structlog.get_logger(__name__)


class LeaseLost(Exception):
    """Another worker owns the shard, or its item cannot be read: never commit, never claim again."""


class ShardLedger:
    """One writer a shard. Each write is conditional on epoch, owner and the previous write's commit_id.

    On the epoch alone, a late network copy of an earlier write would take claim and checkpoint back. A write
    whose answer was lost is sent again, byte for byte, until the item itself tells what became of it: so an
    outage of the table stalls the shard and duplicates nothing.
    """

    def __init__(self, table: LeaseTable, item: ShardItem, clock: Clock, entropy: Entropy) -> None:
        self._table = table
        self._entropy = entropy
        self._clock = clock
        self._previous_commit_id = item.commit_id
        self.key = item.key
        self.owner = item.lease_owner
        self.epoch = item.epoch

    async def write(self, progress: Progress, *, finished: bool = False, release: bool = False) -> None:
        """Returns when the write is applied. Raises LeaseLost when the shard is no longer this owner's."""
        write = ShardWrite(
            key=self.key,
            owner=self.owner,
            epoch=self.epoch,
            previous_commit_id=self._previous_commit_id,
            commit_id=self._entropy.token(),
            progress=progress,
            finished=finished,
            release=release,
        )
        backoff = Backoff(self._clock, self._entropy, base_s=0.05, max_s=2.0)
        while not await self._applied(write):
            await backoff.wait()
        self._previous_commit_id = write.commit_id

    async def _applied(self, write: ShardWrite) -> bool:
        try:
            standing = await self._table.write(write)
        except (TransportError, AwsError) as error:
            log.warning("ledger_write_unanswered", key=self.key, error=str(error))
            return False
        except DamagedItem as damage:
            raise LeaseLost(str(damage)) from damage
        if standing is None:
            return True
        match judge_refusal(
            standing,
            owner=write.owner,
            epoch=write.epoch,
            commit_id=write.commit_id,
            previous_commit_id=write.previous_commit_id,
        ):
            case Refusal.APPLIED:
                return True
            case Refusal.AGAIN:
                return False
            case Refusal.FENCED:
                raise LeaseLost(f"{self.key}: epoch {standing.epoch} of {standing.lease_owner!r} stands")
