"""The lease table as an operator reads it."""

from __future__ import annotations

import pytest

from notifyd.core.account import Accounted
from notifyd.core.lease import Heartbeat, ShardItem
from notifyd.core.lease_report import LeaseState, lease_rows, worker_rows
from notifyd.core.runs import encode_runs
from notifyd.core.sequence import Checkpoint, Position, ShardEnd, TrimHorizon
from notifyd.core.window import Progress

BEATS = [Heartbeat("alive", 7, leases_held=1)]


def item(shard_id: str = "s-1", *, start: Checkpoint | None = None, owner: str = "") -> ShardItem:
    progress = Progress(
        checkpoint=Position("10"),
        checkpoint_arrival_s=900.0,
        claimed=Position("14"),
        unsettled=encode_runs(bytearray([0, 1, 0, 0]), 0, 4),
        first_sequence="11:0",
        accounted=Accounted().as_dict(),
    )
    return ShardItem("kinesis:s", shard_id, start or TrimHorizon(), progress, lease_owner=owner, epoch=3)


@pytest.mark.parametrize(
    ("owner", "start", "state"),
    [
        ("", TrimHorizon(), LeaseState.FREE),
        ("alive", TrimHorizon(), LeaseState.HELD),
        ("gone", TrimHorizon(), LeaseState.LEFT),
        ("", ShardEnd(), LeaseState.FINISHED),
    ],
)
def test_a_lease_is_held_by_who_has_a_heartbeat(owner: str, start: Checkpoint, state: LeaseState) -> None:
    [row] = lease_rows([item(owner=owner, start=start)], BEATS, 1000.0)
    assert row.state is state
    assert row.iterator_age_s == (None if state is LeaseState.FINISHED else 100.0)


def test_what_is_claimed_and_not_settled_is_counted_out_of_its_runs() -> None:
    [row] = lease_rows([item()], [], 1000.0)
    assert (row.checkpoint, row.claimed, row.unsettled) == ("10:0", "14:0", 3)
    assert row.unsettled_bytes == len(item().progress.unsettled)


def test_a_worker_shows_what_it_says_it_holds_beside_what_items_say() -> None:
    [row] = worker_rows([item("s-1", owner="alive"), item("s-2", owner="alive")], BEATS)
    assert (row.worker, row.counter, row.leases_held, row.leases_owned) == ("alive", 7, 1, 2)
