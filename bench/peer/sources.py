"""Both sources as aiobotocore hands them out."""

from __future__ import annotations

import json
from typing import Any, Protocol

import msgspec

# A page of a Kinesis shard may hold 10,000; smaller ones let the peer checkpoint as often as the daemon commits.
PAGE_RECORDS_MAX = 1000

Envelope = dict[str, Any]


class Arrived(msgspec.Struct):
    """An event, and where it stood: `stream/shard/sequence`; "" where the client does not tell."""

    envelope: Envelope
    position: str = ""


class Read(msgspec.Struct):
    """One page: the events in order and where the next page starts."""

    events: list[Arrived]
    last_sequence: str
    next_iterator: str


class Source(Protocol):
    async def shard_ids(self) -> list[str]: ...
    async def iterator(self, shard_id: str) -> str: ...
    async def read(self, shard_id: str, iterator: str) -> Read: ...


class Kinesis:
    def __init__(self, client: Any, stream: str) -> None:
        self._client = client
        self._stream = stream

    async def shard_ids(self) -> list[str]:
        answer = await self._client.list_shards(StreamName=self._stream)
        return [shard["ShardId"] for shard in answer["Shards"]]

    async def iterator(self, shard_id: str) -> str:
        answer = await self._client.get_shard_iterator(
            StreamName=self._stream, ShardId=shard_id, ShardIteratorType="TRIM_HORIZON"
        )
        return str(answer["ShardIterator"])

    async def read(self, shard_id: str, iterator: str) -> Read:
        answer = await self._client.get_records(ShardIterator=iterator, Limit=PAGE_RECORDS_MAX)
        return kinesis_page(answer, f"{self._stream}/{shard_id}")


class DynamodbStreams:
    def __init__(self, client: Any, stream_arn: str) -> None:
        self._client = client
        self._stream_arn = stream_arn

    async def shard_ids(self) -> list[str]:
        answer = await self._client.describe_stream(StreamArn=self._stream_arn)
        return [shard["ShardId"] for shard in answer["StreamDescription"]["Shards"]]

    async def iterator(self, shard_id: str) -> str:
        answer = await self._client.get_shard_iterator(
            StreamArn=self._stream_arn, ShardId=shard_id, ShardIteratorType="TRIM_HORIZON"
        )
        return str(answer["ShardIterator"])

    async def read(self, shard_id: str, iterator: str) -> Read:
        answer = await self._client.get_records(ShardIterator=iterator, Limit=PAGE_RECORDS_MAX)
        return stream_page(answer, f"{self._stream_arn}/{shard_id}")


def kinesis_page(answer: dict[str, Any], shard: str) -> Read:
    records = answer["Records"]
    return Read(
        [Arrived(json.loads(record["Data"]), f"{shard}/{record['SequenceNumber']}") for record in records],
        records[-1]["SequenceNumber"] if records else "",
        answer["NextShardIterator"],
    )


def stream_page(answer: dict[str, Any], shard: str) -> Read:
    changes = [record["dynamodb"] for record in answer["Records"]]
    return Read(
        [
            Arrived(
                {name: plain(value) for name, value in change["NewImage"].items()},
                f"{shard}/{change['SequenceNumber']}",
            )
            for change in changes
        ],
        changes[-1]["SequenceNumber"] if changes else "",
        answer["NextShardIterator"],
    )


def plain(value: dict[str, Any]) -> Any:
    """DynamoDB's typed value as a plain one; half the time of boto3's TypeDeserializer."""
    kind, inside = next(iter(value.items()))
    if kind == "M":
        return {name: plain(member) for name, member in inside.items()}
    if kind == "L":
        return [plain(member) for member in inside]
    return int(inside) if kind == "N" else inside
