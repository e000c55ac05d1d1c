"""The Kinesis operations that a source needs, as AWS's service model has them."""

from __future__ import annotations

import msgspec

from notifyd.aws.operation import Operation

_TARGET = "Kinesis_20131202."


class HashKeyRange(msgspec.Struct, rename="pascal"):
    starting_hash_key: str
    ending_hash_key: str


class SequenceNumberRange(msgspec.Struct, rename="pascal"):
    """`ending_sequence_number` stands only with a closed shard."""

    starting_sequence_number: str
    ending_sequence_number: str | None = None


class Shard(msgspec.Struct, rename="pascal"):
    shard_id: str
    hash_key_range: HashKeyRange
    sequence_number_range: SequenceNumberRange
    parent_shard_id: str | None = None
    adjacent_parent_shard_id: str | None = None


class ListShardsAnswer(msgspec.Struct, rename="pascal"):
    shards: list[Shard] = []
    next_token: str | None = None


class StreamDescriptionSummary(msgspec.Struct, rename="pascal"):
    retention_period_hours: int


class DescribeStreamSummaryAnswer(msgspec.Struct, rename="pascal"):
    stream_description_summary: StreamDescriptionSummary


class GetShardIteratorAnswer(msgspec.Struct, rename="pascal"):
    shard_iterator: str


class StreamRecord(msgspec.Struct, rename="pascal", gc=False):
    sequence_number: str
    data: bytes
    partition_key: str = ""
    approximate_arrival_timestamp: float | None = None


class GetRecordsAnswer(msgspec.Struct, rename="pascal"):
    """No `next_shard_iterator`: the shard is closed and this was the last of it."""

    records: list[StreamRecord]
    next_shard_iterator: str | None = None
    millis_behind_latest: int | None = None


DESCRIBE_STREAM_SUMMARY = Operation(_TARGET + "DescribeStreamSummary", DescribeStreamSummaryAnswer)
LIST_SHARDS = Operation(_TARGET + "ListShards", ListShardsAnswer)
GET_SHARD_ITERATOR = Operation(_TARGET + "GetShardIterator", GetShardIteratorAnswer)
GET_RECORDS = Operation(_TARGET + "GetRecords", GetRecordsAnswer)
