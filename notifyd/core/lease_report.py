"""The lease table as an operator reads it. Pure: one scan and the time come in."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import StrEnum

import msgspec

from notifyd.core.lease import Heartbeat, ShardItem
from notifyd.core.runs import UNSETTLED, decode_runs
from notifyd.core.sequence import After, checkpoint_text


class LeaseState(StrEnum):
    HELD = "held"
    FREE = "free"
    LEFT = "left"  # its owner has no heartbeat: the next scans of a worker take it
    FINISHED = "finished"


class LeaseRow(msgspec.Struct, frozen=True):
    """One shard. `unsettled_bytes`: of the runs in its item. `iterator_age_s`: since the arrival of the last
    record behind the checkpoint, which overstates a shard that has had no record since.
    """

    source: str
    shard: str
    state: LeaseState
    owner: str
    epoch: int
    checkpoint: str
    claimed: str
    unsettled: int
    unsettled_bytes: int
    iterator_age_s: float | None
    parents: tuple[str, ...]
    accounted: dict[str, int]


class WorkerRow(msgspec.Struct, frozen=True):
    """`leases_owned`: shards whose item names it, beside what its heartbeat says it holds."""

    worker: str
    counter: int
    leases_held: int
    leases_owned: int


def lease_rows(items: Iterable[ShardItem], beats: Iterable[Heartbeat], now_s: float) -> list[LeaseRow]:
    """By source and shard."""
    living = {beat.worker_id for beat in beats}
    ordered = sorted(items, key=lambda item: (item.source, item.shard_id))
    return [_lease_row(item, living, now_s) for item in ordered]


def worker_rows(items: Iterable[ShardItem], beats: Iterable[Heartbeat]) -> list[WorkerRow]:
    owners = [item.lease_owner for item in items]
    return [
        WorkerRow(beat.worker_id, beat.counter, beat.leases_held, owners.count(beat.worker_id))
        for beat in sorted(beats, key=lambda beat: beat.worker_id)
    ]


def _lease_row(item: ShardItem, living: Collection[str], now_s: float) -> LeaseRow:
    progress = item.progress
    settled_to = progress.checkpoint
    reached = After(settled_to) if settled_to is not None and not item.is_finished else item.start
    arrival_s = progress.checkpoint_arrival_s
    return LeaseRow(
        source=item.source,
        shard=item.shard_id,
        state=_state(item, living),
        owner=item.lease_owner,
        epoch=item.epoch,
        checkpoint=checkpoint_text(reached),
        claimed=progress.claimed.text() if progress.claimed is not None else "",
        unsettled=_unsettled_count(progress.unsettled),
        unsettled_bytes=len(progress.unsettled),
        iterator_age_s=max(0.0, now_s - arrival_s) if arrival_s and not item.is_finished else None,
        parents=item.parents,
        accounted=progress.accounted,
    )


def _state(item: ShardItem, living: Collection[str]) -> LeaseState:
    if item.is_finished:
        return LeaseState.FINISHED
    if not item.lease_owner:
        return LeaseState.FREE
    return LeaseState.HELD if item.lease_owner in living else LeaseState.LEFT


def _unsettled_count(runs: bytes) -> int:
    """0 where the runs cannot be read: the worker that takes the shard says so."""
    try:
        return decode_runs(runs).count(UNSETTLED) if runs else 0
    except ValueError:
        return 0
