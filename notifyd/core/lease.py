"""Who takes which lease, and what a refused write means. Pure: scans, heartbeats and times come in."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

import msgspec

from notifyd.core.sequence import Checkpoint, ShardEnd
from notifyd.core.window import Progress

ITEM_FORMAT = 1
# Of an item that stands for one that was lost: nobody reads it, so its shard waits for a person.
LOST_FORMAT = 0


class Heartbeat(msgspec.Struct, frozen=True):
    """`worker#<id>`: one item a worker; it renews all the worker's leases at once.

    `leases_max`: what it can hold; 0: it drains and takes none.
    """

    worker_id: str
    counter: int
    leases_held: int = 0
    leases_max: int = 1000
    format: int = ITEM_FORMAT


class ShardItem(msgspec.Struct, frozen=True):
    """`shard#<source>#<shard>`: lease, fence, checkpoint, claim and outcomes in one item.

    `epoch` moves only when ownership changes: it is the fence. `commit_id` is new in each write. `start` is
    where reading begins while nothing is checkpointed, or SHARD_END. `requested_by`: a worker with fewer leases
    asks for this one; only it writes that, so the owner's writes are updates, never puts.
    """

    source: str
    shard_id: str
    start: Checkpoint
    progress: Progress
    parents: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    lease_owner: str = ""
    epoch: int = 0
    commit_id: str = ""
    requested_by: str = ""
    format: int = ITEM_FORMAT

    @property
    def key(self) -> str:
        return shard_key(self.source, self.shard_id)

    @property
    def is_finished(self) -> bool:
        return isinstance(self.start, ShardEnd)


def shard_key(source: str, shard_id: str) -> str:
    return f"shard#{source}#{shard_id}"


class StreamItem(msgspec.Struct, frozen=True):
    """`stream#<source>`: that the stream was initialised, once, and from where.

    Records that arrived before `start_at_s` are settled as before_start. `listed`: fingerprints of all shards
    seen so far, so that a new shard can be told from one whose item was lost. `leader`: the worker that lists
    the shards; the others read the table.
    """

    source: str
    start: Checkpoint
    start_at_s: float = 0.0
    listed: bytes = b""
    leader: str = ""
    format: int = ITEM_FORMAT


class Liveness:
    """A worker is dead when its counter stood still for `failover_time_s` of my own uninterrupted scans.

    A failed or throttled scan starts the count anew, so an outage of the table ends in no mass takeover;
    another host's wall clock is never compared with mine.
    """

    def __init__(self, failover_time_s: float) -> None:
        self._failover_time_s = failover_time_s
        self._seen: dict[str, tuple[int, float]] = {}  # worker → (counter, my time when it first showed)
        self._last_scan_s: float | None = None

    def scanned(
        self, heartbeats: Iterable[Heartbeat], owners: Iterable[str], now_s: float, scan_gap_max_s: float
    ) -> None:
        """One whole, successful scan. A gap since the last one above `scan_gap_max_s` is an interruption.

        An owner without a heartbeat item counts as one that stands still.
        """
        if self._last_scan_s is not None and now_s - self._last_scan_s > scan_gap_max_s:
            self.interrupted()
        self._last_scan_s = now_s
        counters = dict.fromkeys(owners, -1)
        counters.pop("", None)
        counters.update((beat.worker_id, beat.counter) for beat in heartbeats)
        self._seen = {worker: self._since(worker, counter, now_s) for worker, counter in counters.items()}

    def _since(self, worker_id: str, counter: int, now_s: float) -> tuple[int, float]:
        known = self._seen.get(worker_id)
        return known if known is not None and known[0] == counter else (counter, now_s)

    def interrupted(self) -> None:
        """A scan failed: whoever seems still may only seem so."""
        self._seen.clear()
        self._last_scan_s = None

    def is_live(self, worker_id: str, now_s: float) -> bool:
        known = self._seen.get(worker_id)
        return known is not None and now_s - known[1] < self._failover_time_s

    def dead(self, now_s: float) -> list[str]:
        return [worker for worker in self._seen if not self.is_live(worker, now_s)]


class Refusal(Enum):
    """What a failed condition turns out to be, told by the item as it stands (ALL_OLD)."""

    APPLIED = "applied"  # an earlier try of the same write was applied and its answer lost
    AGAIN = "again"  # it stands as before: send the same bytes again
    FENCED = "fenced"  # another owner, or nobody's any more


def judge_refusal(
    standing: ShardItem | None, *, owner: str, epoch: int, commit_id: str, previous_commit_id: str
) -> Refusal:
    if standing is not None and standing.commit_id == commit_id:
        return Refusal.APPLIED  # whoever owns it now: what was applied may have been the release itself
    if standing is None or standing.epoch != epoch or standing.lease_owner != owner:
        return Refusal.FENCED
    return Refusal.AGAIN if standing.commit_id == previous_commit_id else Refusal.FENCED
