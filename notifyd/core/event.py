"""What a source hands out and what decoding makes of it."""

from __future__ import annotations

from typing import Any

import msgspec

from notifyd.core.sequence import Position


class Record(msgspec.Struct, gc=False):
    """One user record of a shard, after de-aggregation and before any filter.

    `body`: Kinesis: the data bytes; DynamoDB Streams: the whole stream record (eventName, dynamodb, …)
    as JSON bytes. `arrival_s`: epoch seconds at which the stream took it.
    """

    position: Position
    arrival_s: float
    body: bytes | msgspec.Raw
    partition_key: str = ""


class Event(msgspec.Struct, gc=False):
    """A decoded record, in the EventBridge envelope's words.

    `envelope` is the whole event as plain JSON values, under which catalog paths are evaluated
    (`id`, `source`, `detail-type` as a list, `detail`, `time`, …; for an image that is no envelope,
    the item itself stands under `detail`). `own_id`: the id is the producer's, and may come again; else it was
    made of the record's position, which no other has.
    """

    event_id: str
    source: str
    detail_type: tuple[str, ...]
    detail: Any
    envelope: dict[str, Any]
    arrival_s: float
    position: Position
    produced_at_s: float | None = None
    own_id: bool = True


class Malformed(msgspec.Struct, gc=False):
    """A record that no event can be made of. It goes to the DLQ with body and reason."""

    position: Position
    body: bytes
    reason: str


class Filtered(msgspec.Struct, gc=False):
    """A record that filter_criteria did not let through."""

    position: Position


Decoded = Event | Malformed | Filtered
