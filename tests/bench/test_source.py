from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError

from bench.servers.dynamodb_streams import stream_arn
from bench.servers.events import Shape, event_id
from bench.servers.http import Refused, Request
from bench.servers.iterators import iterator_text
from bench.servers.kinesis import READS_PER_S, Kinesis, kinesis_record
from bench.servers.process import Counted, target_operation
from bench.servers.source import Append, Source
from bench.servers.stream import Stream
from tests.bench.conftest import Client

STREAM = "bench-events"
SHARDS = 3
KINESIS = ("kinesis", "StreamName", STREAM)


@pytest.fixture
def source() -> Counted:
    return Counted(Source(STREAM, SHARDS, Shape(users=10, event_bytes=600), latency_s=0.0), target_operation)


def fill(source: Counted, kind: str, events: int, rate_per_s: float = 0.0) -> dict[str, int]:
    body = msgspec.json.encode(Append(kind, events, rate_per_s))
    held: dict[str, int] = msgspec.json.decode(source(Request("POST", "/_bench/append", "", body)).body)
    return held


async def read_all(client: Any, iterator: str, limit: int) -> list[Any]:
    records: list[Any] = []
    while (page := await client.get_records(ShardIterator=iterator, Limit=limit))["Records"]:
        assert len(page["Records"]) <= limit
        records += page["Records"]
        iterator = page["NextShardIterator"]
    return records


async def test_kinesis_hands_out_each_event_once_in_order_over_its_shards(
    source: Counted, client_of: Client
) -> None:
    fill(source, "kinesis", 100)
    async with client_of(source, "kinesis") as client:
        shards = (await client.list_shards(StreamName=STREAM))["Shards"]
        numbers = []
        for index, shard in enumerate(shards):
            start = await client.get_shard_iterator(
                StreamName=STREAM, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )
            records = await read_all(client, start["ShardIterator"], limit=10)
            events = [json.loads(record["Data"]) for record in records]
            assert [event["detail"]["number"] for event in events] == list(range(index, 100, SHARDS))
            sequences = [int(record["SequenceNumber"]) for record in records]
            assert sequences == sorted(set(sequences))
            numbers += [event["id"] for event in events]
    assert sorted(numbers) == [event_id(number) for number in range(100)]


async def test_kinesis_goes_on_at_or_after_a_sequence_number(source: Counted, client_of: Client) -> None:
    fill(source, "kinesis", 30)
    async with client_of(source, "kinesis") as client:
        shard_id = (await client.list_shards(StreamName=STREAM))["Shards"][1]["ShardId"]

        async def first(kind: str, **at: Any) -> Any:
            start = await client.get_shard_iterator(
                StreamName=STREAM, ShardId=shard_id, ShardIteratorType=kind, **at
            )
            return (await client.get_records(ShardIterator=start["ShardIterator"], Limit=1))["Records"]

        [oldest] = await first("TRIM_HORIZON")
        [same] = await first("AT_SEQUENCE_NUMBER", StartingSequenceNumber=oldest["SequenceNumber"])
        [next_one] = await first("AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=oldest["SequenceNumber"])
        assert same == oldest
        assert json.loads(next_one["Data"])["detail"]["number"] == 1 + SHARDS
        assert await first("AT_TIMESTAMP", Timestamp=oldest["ApproximateArrivalTimestamp"]) == [oldest]
        assert await first("LATEST") == []


async def test_a_kinesis_page_says_how_far_behind_it_is_until_the_last_one(
    source: Counted, client_of: Client
) -> None:
    fill(source, "kinesis", 6 * SHARDS)
    async with client_of(source, "kinesis") as client:
        shard_id = (await client.list_shards(StreamName=STREAM))["Shards"][0]["ShardId"]
        start = await client.get_shard_iterator(
            StreamName=STREAM, ShardId=shard_id, ShardIteratorType="TRIM_HORIZON"
        )
        page = await client.get_records(ShardIterator=start["ShardIterator"], Limit=4)
        assert page["MillisBehindLatest"] >= 0
        page = await client.get_records(ShardIterator=page["NextShardIterator"], Limit=4)
        assert (len(page["Records"]), page["MillisBehindLatest"]) == (2, 0)


def test_a_kinesis_shard_is_read_five_times_a_second_and_no_more() -> None:
    now_s = 100.0
    kinesis = Kinesis(STREAM, Stream(2, kinesis_record(Shape(users=1, event_bytes=600))), lambda: now_s)

    def read(index: int) -> None:
        kinesis.call("GetRecords", {"ShardIterator": iterator_text(index, 0)})

    for _ in range(READS_PER_S):
        read(0)
    with pytest.raises(Refused, match="Rate exceeded") as refused:
        read(0)
    assert refused.value.code == "ProvisionedThroughputExceededException"
    read(1)
    now_s += 1.0
    read(0)


async def test_dynamodb_streams_hands_out_images_in_pages_of_shards(source: Counted, client_of: Client) -> None:
    fill(source, "dynamodb", 10)
    async with client_of(source, "dynamodbstreams") as client:
        arn = stream_arn(STREAM)
        seen: list[str] = []
        after: dict[str, str] = {}
        while True:
            described = await client.describe_stream(StreamArn=arn, Limit=2, **after)
            seen += [shard["ShardId"] for shard in described["StreamDescription"]["Shards"]]
            last = described["StreamDescription"].get("LastEvaluatedShardId")
            if last is None:
                break
            after = {"ExclusiveStartShardId": last}
        assert len(set(seen)) == len(seen) == SHARDS
        start = await client.get_shard_iterator(StreamArn=arn, ShardId=seen[0], ShardIteratorType="TRIM_HORIZON")
        records = await read_all(client, start["ShardIterator"], limit=3)
        images = [record["dynamodb"]["NewImage"] for record in records]
        assert [image["detail"]["M"]["number"]["N"] for image in images] == ["0", "3", "6", "9"]
        assert {record["eventName"] for record in records} == {"INSERT"}


async def test_a_page_ends_where_the_services_bytes_end(client_of: Client) -> None:
    big = Counted(Source(STREAM, 1, Shape(users=10, event_bytes=200_000), latency_s=0.0), target_operation)
    fill(big, "dynamodb", 12)
    async with client_of(big, "dynamodbstreams") as client:
        arn = stream_arn(STREAM)
        [shard] = (await client.describe_stream(StreamArn=arn))["StreamDescription"]["Shards"]
        start = await client.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )
        page = await client.get_records(ShardIterator=start["ShardIterator"])
        assert len(page["Records"]) == 5
        assert sum(record["dynamodb"]["SizeBytes"] for record in page["Records"]) <= 1024 * 1024


def test_paced_events_appear_at_their_time_and_not_before(source: Counted) -> None:
    # A rate so low that the second event is a quarter of an hour away.
    assert fill(source, "kinesis", 5, rate_per_s=0.001)["kinesis"] == 0


async def test_an_unknown_stream_is_refused_by_name(source: Counted, client_of: Client) -> None:
    async with client_of(source, "kinesis") as client:
        with pytest.raises(ClientError, match="ResourceNotFoundException"):
            await client.list_shards(StreamName="other")
