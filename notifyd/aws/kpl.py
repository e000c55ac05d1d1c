"""KPL aggregates: many user records inside one Kinesis record.

Layout (the Kinesis Producer Library's aggregation format): 4 magic bytes, a protobuf message, the MD5 of that
message. The message: partition keys (field 1), explicit hash keys (2), records (3); a record: indexes into
these two tables (1, 2) and its data (3).
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import md5

import msgspec

MAGIC = b"\xf3\x89\x9a\xc2"
_DIGEST_BYTES = 16

# A field's tag is number << 3 | wire type; wire type 0 is a varint, 2 is bytes with their length before them.
_PARTITION_KEY = 1 << 3 | 2
_EXPLICIT_HASH_KEY = 2 << 3 | 2
_RECORD = 3 << 3 | 2
_PARTITION_KEY_INDEX = 1 << 3
_EXPLICIT_HASH_KEY_INDEX = 2 << 3
_DATA = 3 << 3 | 2


class HashRange(msgspec.Struct, frozen=True):
    """The hash keys of a shard, both ends included."""

    first: int
    last: int

    def holds(self, hash_key: int) -> bool:
        return self.first <= hash_key <= self.last


class UserRecord(msgspec.Struct, frozen=True, gc=False):
    """`sub_sequence` counts all user records of the aggregate, those of other shards included."""

    sub_sequence: int
    partition_key: str
    data: bytes


class Aggregate(msgspec.Struct, frozen=True):
    """`strays`: user records left out, because their hash key lies outside the shard."""

    records: list[UserRecord]
    strays: int


def take_apart(data: bytes, hash_range: HashRange | None) -> Aggregate | None:
    """The user records of an aggregate; None where `data` is an ordinary record.

    What only looks like an aggregate (wrong digest, no such protobuf) is an ordinary record, as for KCL. A
    stray is what a producer put by an outdated shard map and puts again into the right shard, so reading it
    here too would be a duplicate. KCL drops a stray's whole aggregate; the rest of it is kept here, because a
    KPL since 0.15.11 puts only the strays again. Without a `hash_range` nothing is left out.
    """
    if not data.startswith(MAGIC) or len(data) < len(MAGIC) + _DIGEST_BYTES:
        return None
    message = data[len(MAGIC) : -_DIGEST_BYTES]
    if md5(message, usedforsecurity=False).digest() != data[-_DIGEST_BYTES:]:
        return None
    try:
        return _parse(message, hash_range)
    except (ValueError, IndexError):
        return None


def _parse(message: bytes, hash_range: HashRange | None) -> Aggregate:
    partition_keys: list[bytes] = []
    explicit_hash_keys: list[int] = []
    spans: list[tuple[int, int]] = []
    for tag, start, end in _fields(message, 0, len(message)):
        if tag == _RECORD:
            spans.append((start, end))
        elif tag == _PARTITION_KEY:
            partition_keys.append(message[start:end])
        elif tag == _EXPLICIT_HASH_KEY:
            explicit_hash_keys.append(int(message[start:end]))
    names = [key.decode() for key in partition_keys]
    # Each key of the tables is judged once, however many records name it.
    ours = [hash_range is None or hash_range.holds(_hash_key(key)) for key in partition_keys]
    explicitly_ours = [hash_range is None or hash_range.holds(key) for key in explicit_hash_keys]
    records = []
    for sub_sequence, (start, end) in enumerate(spans):
        key_index, explicit_index, data = _record(message, start, end)
        name = names[key_index]
        if ours[key_index] if explicit_index is None else explicitly_ours[explicit_index]:
            records.append(UserRecord(sub_sequence, name, data))
    return Aggregate(records, strays=len(spans) - len(records))


def _record(message: bytes, start: int, end: int) -> tuple[int, int | None, bytes]:
    key_index = explicit_index = data = None
    for tag, value, stop in _fields(message, start, end):
        if tag == _DATA:
            data = message[value:stop]
        elif tag == _PARTITION_KEY_INDEX:
            key_index = value
        elif tag == _EXPLICIT_HASH_KEY_INDEX:
            explicit_index = value
    if key_index is None or data is None:
        raise ValueError("a user record without partition key or data")
    return key_index, explicit_index, data


def _fields(message: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(tag, number, next field) or (tag, start, end) of bytes; else IndexError or ValueError."""
    while at < end:
        tag, at = _varint(message, at)
        wire_type = tag & 7
        if wire_type == 2:
            length, value = _varint(message, at)
            at = value + length
        elif wire_type == 0:
            value, at = _varint(message, at)
        elif wire_type == 1:
            value, at = at, at + 8
        elif wire_type == 5:
            value, at = at, at + 4
        else:
            raise ValueError(f"wire type {wire_type}")
        if at > end:
            raise ValueError("a field that runs over its message")
        yield tag, value, at


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = message[at]
    if value < 0x80:
        return value, at + 1
    value &= 0x7F
    for shift in range(7, 70, 7):
        at += 1
        byte = message[at]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at + 1
    raise ValueError("a number of more than 10 bytes")


def _hash_key(partition_key: bytes) -> int:
    return int.from_bytes(md5(partition_key, usedforsecurity=False).digest())
