"""DynamoDB Streams as readers see it: open shards of one table's stream of new images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.servers.events import Shape, Stamp, event_id, image
from bench.servers.http import Asked, Refused
from bench.servers.iterators import (
    Numbering,
    iterator_text,
    parse_iterator,
    shard_id,
    shard_index,
    starting_place,
)
from bench.servers.stream import Render, Rendered, Stream

RECORDS_MAX = 1_000
PAGE_BYTES_MAX = 1024 * 1024
DESCRIBE_SHARDS_MAX = 100
_NUMBERING = Numbering("1", 25)


def stream_arn(table: str) -> str:
    return f"arn:aws:dynamodb:eu-central-1:123456789012:table/{table}/stream/2024-01-01T00:00:00.000"


def with_stream(table: str) -> dict[str, Any]:
    """What DescribeTable says of a table that has a stream, beside its keys."""
    return {
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        "LatestStreamArn": stream_arn(table),
    }


def stream_record(shape: Shape) -> Render:
    def render(index: int, place: int, stamp: Stamp) -> Rendered:
        new_image = image(shape, stamp)
        text = (
            f'{{"eventID":"{index:08x}{place:024x}","eventName":"INSERT","eventVersion":"1.1",'
            f'"eventSource":"aws:dynamodb","awsRegion":"eu-central-1","dynamodb":{{'
            f'"ApproximateCreationDateTime":{int(stamp.produced_at_s)},'
            f'"Keys":{{"id":{{"S":"{event_id(stamp.number)}"}}}},"NewImage":{new_image},'
            f'"SequenceNumber":"{_NUMBERING.sequence(index, place)}","SizeBytes":{len(new_image)},'
            f'"StreamViewType":"NEW_IMAGE"}}}}'
        )
        return Rendered(text.encode("ascii"), len(new_image))

    return render


class DynamodbStreams:
    """The calls; each takes the decoded body and gives the answer's members, or a ready body."""

    def __init__(self, table: str, stream: Stream, now_s: Callable[[], float]) -> None:
        self._table = table
        self._stream = stream
        self._now_s = now_s

    def call(self, operation: str, asked: Asked) -> dict[str, Any] | bytes:
        match operation:
            case "GetRecords":
                return self._get_records(asked)
            case "GetShardIterator":
                return self._get_shard_iterator(asked)
            case "DescribeStream":
                return self._describe_stream(asked)
            case _:
                raise Refused("UnknownOperationException", f"no {operation} here")

    def _check_arn(self, asked: Asked) -> None:
        if asked["StreamArn"] != stream_arn(self._table):
            raise Refused("ResourceNotFoundException", f"no stream {asked['StreamArn']}")

    def _describe_stream(self, asked: Asked) -> dict[str, Any]:
        self._check_arn(asked)
        count = len(self._stream.shards)
        seen = asked.get("ExclusiveStartShardId")
        first = 0 if seen is None else shard_index(self._stream, {"ShardId": seen}) + 1
        end = min(count, first + min(asked.get("Limit", DESCRIBE_SHARDS_MAX), DESCRIBE_SHARDS_MAX))
        if "ShardFilter" in asked:  # only children are asked for by filter, and open shards have none
            first = end = count
        described = {
            "StreamArn": asked["StreamArn"],
            "StreamStatus": "ENABLED",
            "StreamViewType": "NEW_IMAGE",
            "TableName": self._table,
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "Shards": [
                {
                    "ShardId": shard_id(index),
                    "SequenceNumberRange": {"StartingSequenceNumber": _NUMBERING.sequence(index, 0)},
                }
                for index in range(first, end)
            ],
        }
        if end < count:
            described["LastEvaluatedShardId"] = shard_id(end - 1)
        return {"StreamDescription": described}

    def _get_shard_iterator(self, asked: Asked) -> dict[str, Any]:
        self._check_arn(asked)
        self._stream.advance(self._now_s())
        index = shard_index(self._stream, asked)
        place = starting_place(self._stream.shards[index], _NUMBERING, asked, "SequenceNumber")
        return {"ShardIterator": iterator_text(index, place)}

    def _get_records(self, asked: Asked) -> bytes:
        now_s = self._now_s()
        self._stream.advance(now_s)
        index, place = parse_iterator(self._stream, asked["ShardIterator"])
        records_max = min(asked.get("Limit", RECORDS_MAX), RECORDS_MAX)
        page = self._stream.shards[index].page(place, records_max, PAGE_BYTES_MAX, now_s)
        next_iterator = iterator_text(index, page.next_place).encode("ascii")
        return b'{"Records":[%b],"NextShardIterator":"%b"}' % (page.body, next_iterator)
