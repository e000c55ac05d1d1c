"""Leases end up balanced, nobody live is robbed, and parents come before children."""

from __future__ import annotations

from collections import Counter

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from notifyd.core.account import Accounted
from notifyd.core.balance import Turn, plan_turn, scan_pause_s, share_of, startable
from notifyd.core.lease import Heartbeat, Liveness, ShardItem, shard_key
from notifyd.core.sequence import ShardEnd, TrimHorizon
from notifyd.core.window import Progress

NOTHING = Progress(None, 0.0, None, b"", "", Accounted().as_dict())
FAILOVER_S = 15.0


def shard(name: str, *parents: str, owner: str = "", finished: bool = False) -> ShardItem:
    return ShardItem(
        "s", name, ShardEnd() if finished else TrimHorizon(), NOTHING, parents=parents, lease_owner=owner
    )


class Fleet:
    """Workers that scan the same table a second apart and do at once what their turn says."""

    def __init__(self, shards: int, workers: int, *, leases_max: int = 10_000) -> None:
        self.items = {item.key: item for item in (shard(f"{number:05}") for number in range(shards))}
        self.workers = [f"worker-{number:03}" for number in range(workers)]
        self.liveness = Liveness(FAILOVER_S)
        self.leases_max = leases_max
        self.now_s = 0.0
        self.beats = 0
        self.turns: list[Turn] = []

    def second(self) -> None:
        self.now_s += 1.0
        self.beats += 1
        heartbeats = [Heartbeat(worker, self.beats) for worker in self.workers]
        owners = [item.lease_owner for item in self.items.values()]
        self.liveness.scanned(heartbeats, owners, self.now_s, FAILOVER_S / 2)
        seen = list(self.items.values())
        for worker in self.workers:
            self._do(worker, self._turn(worker, seen))
        for item in list(self.items.values()):
            if item.requested_by and item.lease_owner in self.workers:
                self._put(item, lease_owner="")  # drained, committed, released

    def _turn(self, worker: str, seen: list[ShardItem]) -> Turn:
        turn = plan_turn(
            seen,
            self.workers,
            self.liveness,
            me=worker,
            running=[item.key for item in seen if item.lease_owner == worker],
            damaged=[],
            now_s=self.now_s,
            leases_max=self.leases_max,
        )
        self.turns.append(turn)
        return turn

    def _do(self, worker: str, turn: Turn) -> None:
        for taken in turn.takes:
            if self.items[taken.key].epoch == taken.epoch:  # the condition of the write
                self._put(taken, lease_owner=worker, requested_by="", epoch=taken.epoch + 1)
        for asked in turn.requests:
            standing = self.items[asked.key]
            if (standing.epoch, standing.requested_by) == (asked.epoch, asked.requested_by):
                self._put(standing, requested_by=worker)

    def _put(self, item: ShardItem, **changes: object) -> None:
        self.items[item.key] = msgspec.structs.replace(item, **changes)

    def held(self) -> Counter[str]:
        counts = Counter(dict.fromkeys(self.workers, 0))
        counts.update(item.lease_owner for item in self.items.values() if item.lease_owner)
        return counts

    def is_balanced(self) -> bool:
        fewest, most = share_of(len(self.items), len(self.workers))
        return all(fewest <= count <= most for count in self.held().values())

    def seconds_until_balanced(self, at_most: int) -> int:
        for second in range(at_most):
            if self.is_balanced():
                return second
            self.second()
        raise AssertionError(f"not balanced after {at_most} s: {self.held()}")


def test_a_hundred_workers_share_two_thousand_shards_within_ten_failover_times() -> None:
    fleet = Fleet(2_000, 100)
    assert fleet.seconds_until_balanced(int(10 * FAILOVER_S)) <= 10 * FAILOVER_S


@given(shards=st.integers(0, 60), first=st.integers(1, 6), more=st.integers(0, 6))
def test_workers_that_come_later_get_their_share(shards: int, first: int, more: int) -> None:
    fleet = Fleet(shards, first)
    fleet.seconds_until_balanced(60)
    fleet.workers += [f"later-{number}" for number in range(more)]
    fleet.seconds_until_balanced(150)


@given(shards=st.integers(1, 60), workers=st.integers(2, 6), dead=st.integers(1, 5))
def test_the_leases_of_the_dead_are_shared_after_the_failover_time(shards: int, workers: int, dead: int) -> None:
    fleet = Fleet(shards, workers)
    fleet.seconds_until_balanced(60)
    before = fleet.items
    fleet.workers = fleet.workers[min(dead, workers - 1) :]
    for _ in range(int(FAILOVER_S) - 2):
        fleet.second()
        robbed = [key for key, item in fleet.items.items() if item.epoch != before[key].epoch]
        assert all(before[key].lease_owner in fleet.workers for key in robbed)
    fleet.seconds_until_balanced(60)


def test_nobody_holds_more_than_it_can_and_what_is_left_unread_is_said() -> None:
    fleet = Fleet(30, 2, leases_max=10)
    for _ in range(10):
        fleet.second()
    assert set(fleet.held().values()) == {10}
    assert fleet.turns[-1].unread == 10


def test_balanced_workers_leave_each_other_alone() -> None:
    fleet = Fleet(50, 7)
    fleet.seconds_until_balanced(60)
    fleet.turns.clear()
    for _ in range(30):
        fleet.second()
    assert not any(turn.takes or turn.requests for turn in fleet.turns)


def test_a_draining_worker_keeps_its_leases_until_it_gives_them_back() -> None:
    fleet = Fleet(10, 2)
    fleet.seconds_until_balanced(60)
    draining, other = fleet.workers
    fleet.workers = [other]
    for _ in range(3 * int(FAILOVER_S)):
        fleet.beats += 1
        fleet.now_s += 1.0
        beats = [Heartbeat(draining, fleet.beats, leases_max=0), Heartbeat(other, fleet.beats)]
        fleet.liveness.scanned(beats, [], fleet.now_s, FAILOVER_S / 2)
        assert not fleet._turn(other, list(fleet.items.values())).takes


def test_a_lost_shard_that_is_still_ending_here_is_neither_taken_nor_asked_for() -> None:
    free, held, wanted = shard("free"), shard("held", owner="other"), shard("wanted")
    items = [free, held, msgspec.structs.replace(wanted, requested_by="me")]
    liveness = Liveness(FAILOVER_S)
    liveness.scanned([Heartbeat("me", 1), Heartbeat("other", 1)], [], 0.0, FAILOVER_S / 2)

    def turn(running: list[str]) -> Turn:
        return plan_turn(
            items, ["me", "other"], liveness, me="me", running=running, damaged=[], now_s=0.0, leases_max=10
        )

    assert len(turn([]).takes) == 2
    assert turn([item.key for item in items]) == Turn((), ())


def test_a_child_starts_when_both_parents_of_a_merge_are_at_their_end() -> None:
    child = shard("child", "left", "right")
    left, right = shard("left", finished=True), shard("right")
    assert child not in startable([left, right, child], [])
    done = shard("right", finished=True)
    assert child in startable([left, done, child], [])
    assert child in startable([child], []), "parents that have left the table were finished"


def test_a_child_waits_while_its_parent_s_item_is_damaged() -> None:
    child = shard("child", "parent")
    assert child not in startable([child], [shard_key("s", "parent")])


def test_few_workers_look_each_interval_and_of_many_each_looks_more_rarely_but_in_time_for_a_takeover() -> None:
    assert [scan_pause_s(1.0, workers, FAILOVER_S) for workers in (0, 1, 4, 8, 100)] == [1, 1, 1, 2, 3]
    assert scan_pause_s(5.0, 100, FAILOVER_S) == 5
