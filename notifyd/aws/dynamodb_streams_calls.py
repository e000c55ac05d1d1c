"""The DynamoDB Streams operations that a source needs, and DescribeTable, as AWS's service models have them."""

from __future__ import annotations

import msgspec

from notifyd.aws.operation import Operation

_STREAMS_TARGET = "DynamoDBStreams_20120810."
_TABLES_TARGET = "DynamoDB_20120810."


class SequenceNumberRange(msgspec.Struct, rename="pascal"):
    """`ending_sequence_number` stands only with a closed shard."""

    starting_sequence_number: str = ""
    ending_sequence_number: str | None = None


class Shard(msgspec.Struct, rename="pascal"):
    shard_id: str
    sequence_number_range: SequenceNumberRange
    parent_shard_id: str | None = None


class StreamDescription(msgspec.Struct, rename="pascal"):
    """`last_evaluated_shard_id`: there are more shards behind this one."""

    shards: list[Shard] = []
    last_evaluated_shard_id: str | None = None


class DescribeStreamAnswer(msgspec.Struct, rename="pascal"):
    stream_description: StreamDescription


class GetShardIteratorAnswer(msgspec.Struct, rename="pascal"):
    shard_iterator: str


class GetRecordsAnswer(msgspec.Struct, rename="pascal"):
    """Records stay as they came. No `next_shard_iterator`: the shard is closed and this was the last of it."""

    records: list[msgspec.Raw] = []
    next_shard_iterator: str | None = None


class Change(msgspec.Struct, rename="pascal", gc=False):
    sequence_number: str
    approximate_creation_date_time: float | None = None


class StreamRecord(msgspec.Struct, gc=False):
    """Of a stream record only where and when; its images are for whoever needs them."""

    dynamodb: Change


class Table(msgspec.Struct, rename="pascal"):
    latest_stream_arn: str | None = None


class DescribeTableAnswer(msgspec.Struct, rename="pascal"):
    table: Table


DESCRIBE_TABLE = Operation(_TABLES_TARGET + "DescribeTable", DescribeTableAnswer)
DESCRIBE_STREAM = Operation(_STREAMS_TARGET + "DescribeStream", DescribeStreamAnswer)
GET_SHARD_ITERATOR = Operation(_STREAMS_TARGET + "GetShardIterator", GetShardIteratorAnswer)
GET_RECORDS = Operation(_STREAMS_TARGET + "GetRecords", GetRecordsAnswer)
STREAM_RECORD = msgspec.json.Decoder(StreamRecord)
