"""Items of the lease table: DynamoDB's typed attributes to core types and back."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any, TypeVar

from notifyd.core.lease import ITEM_FORMAT, Heartbeat, ShardItem, StreamItem
from notifyd.core.sequence import (
    After,
    Checkpoint,
    TrimHorizon,
    checkpoint_text,
    parse_checkpoint,
    parse_position,
)
from notifyd.core.window import Progress
from notifyd.errors import DamagedItem

Item = dict[str, dict[str, Any]]
T = TypeVar("T")


def s(text: str) -> dict[str, Any]:
    return {"S": text}


def n(number: float) -> dict[str, Any]:
    return {"N": str(number)}


def b(data: bytes) -> dict[str, Any]:
    return {"B": base64.b64encode(data).decode()}


def heartbeat_item(beat: Heartbeat) -> Item:
    return {
        "key": s(f"worker#{beat.worker_id}"),
        "counter": n(beat.counter),
        "leases_held": n(beat.leases_held),
        "leases_max": n(beat.leases_max),
        "format": n(beat.format),
    }


def stream_item(stream: StreamItem) -> Item:
    return {
        "key": s(f"stream#{stream.source}"),
        "checkpoint": s(checkpoint_text(stream.start)),
        "start_at": n(stream.start_at_s),
        "listed": b(stream.listed),
        "leader": s(stream.leader),
        "format": n(stream.format),
    }


def shard_item(item: ShardItem) -> Item:
    return {
        "key": s(item.key),
        "source": s(item.source),
        "shard_id": s(item.shard_id),
        "lease_owner": s(item.lease_owner),
        "epoch": n(item.epoch),
        "commit_id": s(item.commit_id),
        "requested_by": s(item.requested_by),
        "format": n(item.format),
        "parent_shards": {"L": [s(parent) for parent in item.parents]},
        "child_shards": {"L": [s(child) for child in item.children]},
        **progress_values(item.progress),
        "checkpoint": s(_checkpoint_text(item)),
    }


def progress_values(progress: Progress) -> Item:
    """What every write of an owner sets. While nothing is settled, `checkpoint` stays as it was created."""
    values = {
        "checkpoint_arrival": n(progress.checkpoint_arrival_s),
        "claimed": s(progress.claimed.text() if progress.claimed is not None else ""),
        "unsettled": b(progress.unsettled),
        "first_sequence": s(progress.first_sequence),
        "tip_at": n(progress.tip_at_s),
        "claimed_to": s(progress.claimed_to),
        "accounted": {"M": {name: n(count) for name, count in progress.accounted.items()}},
    }
    if progress.checkpoint is not None:
        values["checkpoint"] = s(progress.checkpoint.text())
    return values


def parse_heartbeat(item: Item) -> Heartbeat:
    def build() -> Heartbeat:
        return Heartbeat(
            worker_id=item["key"]["S"].removeprefix("worker#"),
            counter=int(item["counter"]["N"]),
            leases_held=int(item["leases_held"]["N"]),
            leases_max=int(item["leases_max"]["N"]),
            format=int(item["format"]["N"]),
        )

    return _guarded(item, build)


def parse_stream(item: Item) -> StreamItem:
    def build() -> StreamItem:
        return StreamItem(
            source=item["key"]["S"].removeprefix("stream#"),
            start=parse_checkpoint(item["checkpoint"]["S"]),
            start_at_s=float(item["start_at"]["N"]),
            listed=base64.b64decode(item["listed"]["B"], validate=True),
            leader=item["leader"]["S"],
            format=_known_format(item),
        )

    return _guarded(item, build)


def parse_shard(item: Item) -> ShardItem:
    """Raises DamagedItem for an unknown format, a missing attribute or a value that is none of ours."""

    def build() -> ShardItem:
        checkpoint = parse_checkpoint(item["checkpoint"]["S"])
        claimed = item["claimed"]["S"]
        progress = Progress(
            checkpoint=checkpoint.position if isinstance(checkpoint, After) else None,
            checkpoint_arrival_s=float(item["checkpoint_arrival"]["N"]),
            claimed=parse_position(claimed) if claimed else None,
            unsettled=base64.b64decode(item["unsettled"]["B"], validate=True),
            first_sequence=item["first_sequence"]["S"],
            accounted={name: int(value["N"]) for name, value in item["accounted"]["M"].items()},
            tip_at_s=float(item["tip_at"]["N"]) if "tip_at" in item else 0.0,
            claimed_to=item["claimed_to"]["S"] if "claimed_to" in item else "",
        )
        return ShardItem(
            source=item["source"]["S"],
            shard_id=item["shard_id"]["S"],
            start=TrimHorizon() if isinstance(checkpoint, After) else checkpoint,
            progress=progress,
            parents=tuple(parent["S"] for parent in item["parent_shards"]["L"]),
            children=tuple(child["S"] for child in item["child_shards"]["L"]),
            lease_owner=item["lease_owner"]["S"],
            epoch=int(item["epoch"]["N"]),
            commit_id=item["commit_id"]["S"],
            requested_by=item["requested_by"]["S"],
            format=_known_format(item),
        )

    return _guarded(item, build)


def _checkpoint_text(item: ShardItem) -> str:
    checkpoint: Checkpoint = item.start
    if item.progress.checkpoint is not None and not item.is_finished:
        checkpoint = After(item.progress.checkpoint)
    return checkpoint_text(checkpoint)


def _known_format(item: Item) -> int:
    found = int(item["format"]["N"])
    if found != ITEM_FORMAT:
        raise ValueError(f"format {found}; this version reads format {ITEM_FORMAT}")
    return found


def _guarded(item: Item, build: Callable[[], T]) -> T:
    try:
        return build()
    except KeyError as missing:
        raise DamagedItem(item["key"]["S"], f"attribute {missing} is missing") from None
    except (ValueError, TypeError, AttributeError, binascii.Error) as fault:
        raise DamagedItem(item["key"]["S"], str(fault)) from None
