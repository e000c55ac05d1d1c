"""What notifyd keeps in AWS: `init` makes it, `check` compares with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from notifyd.core.channel import Channel
from notifyd.core.filter_criteria import SourceKind
from notifyd.names import LogIndex, Names

Key = tuple[tuple[str, str], ...]

TTL_ATTRIBUTE = "expires_at"
# As long as the log's shortest time to live: a redrive must still find what was accepted.
RETENTION_S = 14 * 24 * 3600
# A guard against poison alone: attempts are counted in the message, and end on the DLQ with their story.
RECEIVES_MAX = 1000
# SQS's most, and what a new queue takes; one from before August 2025, or of Terraform's default, takes a quarter.
MESSAGE_BYTES_MAX = 2**20

_INDEX_KEYS: dict[LogIndex, Key] = {
    LogIndex.USER: (("user_id", "S"), ("at", "N")),
    LogIndex.DELIVERY: (("delivery_id", "S"),),
    # A sequence number has up to 56 digits; DynamoDB's numbers keep 38.
    LogIndex.POSITION: (("shard", "S"), ("sequence", "S")),
}


class TableIndex(msgspec.Struct, frozen=True):
    name: str
    key: Key


class Table(msgspec.Struct, frozen=True):
    """`key` and an index's: attribute and its type, partition key first."""

    name: str
    key: Key
    indexes: tuple[TableIndex, ...] = ()
    ttl_attribute: str | None = None
    streamed: bool = False


class Queue(msgspec.Struct, frozen=True):
    """`dead_letters`: the queue that takes over what was received too often."""

    name: str
    visibility_s: int
    dead_letters: str | None = None


class Blueprint(msgspec.Struct, frozen=True):
    tables: tuple[Table, ...]
    streams: tuple[str, ...]
    queues: tuple[Queue, ...]
    topic: str


def blueprint(
    names: Names,
    *,
    sources: Sequence[tuple[SourceKind, str]],
    channels: Sequence[Channel],
    log_indexes: Sequence[LogIndex],
    visibility_s: int,
    topic: str,
) -> Blueprint:
    """`sources`: kind and name of each that is read. A stream of somebody else's is read, never made."""
    indexes = tuple(TableIndex(index.index_name, _INDEX_KEYS[index]) for index in log_indexes)
    dead = [names.dead_letter_queue(channel) for channel in (*channels, None)]
    return Blueprint(
        tables=(
            Table(names.events, (("id", "S"),), streamed=True),
            Table(names.contacts, (("user_id", "S"),)),
            Table(names.settings, (("user_id", "S"),)),
            Table(names.leases, (("key", "S"),)),
            Table(names.control, (("key", "S"),), ttl_attribute=TTL_ATTRIBUTE),
            Table(names.log, (("event_id", "S"), ("row", "S")), indexes, TTL_ATTRIBUTE),
        ),
        streams=tuple(name for kind, name in sources if kind is SourceKind.KINESIS and name == names.events),
        # A DLQ comes before the queue that names it.
        queues=(
            *(Queue(name, visibility_s) for name in dead),
            *(
                Queue(names.retry_queue(channel), visibility_s, names.dead_letter_queue(channel))
                for channel in channels
            ),
        ),
        topic=topic,
    )


def key_schema(key: Key) -> list[dict[str, str]]:
    """In DynamoDB's own form."""
    return [
        {"AttributeName": name, "KeyType": role} for (name, _), role in zip(key, ("HASH", "RANGE"), strict=False)
    ]


def attribute_definitions(table: Table) -> list[dict[str, str]]:
    """Every key attribute of the table and its indexes, once."""
    keys = dict((*table.key, *(part for index in table.indexes for part in index.key)))
    return [{"AttributeName": name, "AttributeType": kind} for name, kind in keys.items()]


def secondary_index(index: TableIndex) -> dict[str, Any]:
    return {
        "IndexName": index.name,
        "KeySchema": key_schema(index.key),
        "Projection": {"ProjectionType": "ALL"},
    }
