"""Who takes which lease, and what a refused write means."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from notifyd.core.account import Accounted
from notifyd.core.lease import Heartbeat, Liveness, Refusal, ShardItem, judge_refusal
from notifyd.core.sequence import TrimHorizon
from notifyd.core.window import Progress

NOTHING = Progress(None, 0.0, None, b"", "", Accounted().as_dict())
FAILOVER_S = 15.0


def shard(number: int = 0, **changes: Any) -> ShardItem:
    return msgspec.structs.replace(ShardItem("s", f"shard-{number}", TrimHorizon(), NOTHING), **changes)


@pytest.mark.parametrize(
    ("standing", "meaning"),
    [
        (shard(lease_owner="ann", epoch=3, commit_id="new"), Refusal.APPLIED),
        (shard(lease_owner="", epoch=3, commit_id="new"), Refusal.APPLIED),
        (shard(lease_owner="ann", epoch=3, commit_id="previous"), Refusal.AGAIN),
        (shard(lease_owner="ann", epoch=3, commit_id="another"), Refusal.FENCED),
        (shard(lease_owner="ann", epoch=4, commit_id="another"), Refusal.FENCED),
        (shard(lease_owner="bob", epoch=4, commit_id="another"), Refusal.FENCED),
        (shard(lease_owner="", epoch=3, commit_id="previous"), Refusal.FENCED),
        (None, Refusal.FENCED),
    ],
)
def test_the_item_tells_what_a_refused_write_means(standing: ShardItem | None, meaning: Refusal) -> None:
    found = judge_refusal(standing, owner="ann", epoch=3, commit_id="new", previous_commit_id="previous")
    assert found is meaning


class Scans:
    """Scans a second apart."""

    def __init__(self) -> None:
        self.liveness = Liveness(FAILOVER_S)
        self.now_s = 100.0

    def scan(self, *beats: tuple[str, int], owners: tuple[str, ...] = (), after_s: float = 1.0) -> None:
        self.now_s += after_s
        heartbeats = [Heartbeat(worker, counter) for worker, counter in beats]
        self.liveness.scanned(heartbeats, owners, self.now_s, FAILOVER_S / 2)

    def is_live(self, worker: str) -> bool:
        return self.liveness.is_live(worker, self.now_s)


def test_a_worker_is_dead_when_its_counter_stood_still_for_the_failover_time() -> None:
    scans = Scans()
    for _ in range(15):
        scans.scan(("ann", 7))
        assert scans.is_live("ann")
    scans.scan(("ann", 7))
    assert not scans.is_live("ann")
    assert scans.liveness.dead(scans.now_s) == ["ann"]
    scans.scan(("ann", 8))
    assert scans.is_live("ann")


def test_a_failed_scan_starts_every_count_anew() -> None:
    scans = Scans()
    for _ in range(15):
        scans.scan(("ann", 7))
    scans.liveness.interrupted()
    for _ in range(15):
        scans.scan(("ann", 7))
        assert scans.is_live("ann")


def test_a_pause_between_scans_is_an_interruption() -> None:
    scans = Scans()
    for _ in range(15):
        scans.scan(("ann", 7))
    scans.scan(("ann", 7), after_s=60.0)
    assert scans.is_live("ann")


def test_an_owner_without_a_heartbeat_counts_as_one_that_stands_still() -> None:
    scans = Scans()
    for _ in range(16):
        assert "ann" not in scans.liveness.dead(scans.now_s)
        scans.scan(owners=("ann", ""))
    assert scans.liveness.dead(scans.now_s) == ["ann"]


def test_who_was_never_scanned_is_neither_live_nor_dead() -> None:
    liveness = Liveness(FAILOVER_S)
    assert not liveness.is_live("ann", 0.0)
    assert liveness.dead(0.0) == []
