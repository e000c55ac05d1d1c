from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from notifyd.sandbox.account import read_accounted, read_depth, read_rows
from notifyd.sandbox.clients import client, plain, typed
from notifyd.sandbox.embedded_aws import EmbeddedAws
from notifyd.sandbox.population import make_users
from notifyd.sandbox.world import SourceKind, make_world
from notifyd.sandbox.writers import WriteRefused, write_to_stream, write_to_table, write_users
from tests.fakes.system import FakeClock

pytestmark = pytest.mark.aws


def _open(aws: EmbeddedAws, service: str) -> AbstractAsyncContextManager[Any]:
    return client(service, aws.url, region=aws.region, access_key=aws.access_key, secret_key=aws.secret_key)


@pytest.fixture
async def dynamodb(embedded_aws: EmbeddedAws) -> AsyncIterator[Any]:
    async with _open(embedded_aws, "dynamodb") as opened:
        yield opened


async def _table(dynamodb: Any, name: str, *key: str) -> None:
    await dynamodb.create_table(
        TableName=name,
        KeySchema=[
            {"AttributeName": attribute, "KeyType": role}
            for attribute, role in zip(key, ("HASH", "RANGE"), strict=False)
        ],
        AttributeDefinitions=[{"AttributeName": attribute, "AttributeType": "S"} for attribute in key],
        BillingMode="PAY_PER_REQUEST",
    )


async def test_every_user_and_event_is_in_its_table(dynamodb: Any, prefix: str, clock: FakeClock) -> None:
    contacts, settings, events = (f"{prefix}-{name}" for name in ("contacts", "settings", "events"))
    for name, key in ((contacts, "user_id"), (settings, "user_id"), (events, "id")):
        await _table(dynamodb, name, key)
    world = make_world(1, 60, SourceKind.DYNAMODB)
    heard: list[int] = []

    await write_users(dynamodb, clock, contacts=contacts, settings=settings, users=world.users)
    produced_at_s = await write_to_table(dynamodb, clock, events, world.events, heard.append)

    async def items(table: str) -> dict[str, Any]:
        answer = await dynamodb.scan(TableName=table)
        return {next(iter(item.values()))["S"]: item for item in answer["Items"]}

    assert (await items(contacts)).keys() == {user.user_id for user in world.users if user.contact}
    assert (await items(settings)).keys() == {user.user_id for user in world.users if user.settings}
    answer = await dynamodb.scan(TableName=events)
    written = {item["id"]["S"]: {name: plain(value) for name, value in item.items()} for item in answer["Items"]}
    assert {name: value for name, value in written["event-0000000"].items() if name != "time"} == (
        world.events[0].envelope
    )
    assert written.keys() == produced_at_s.keys() == {event.event_id for event in world.events}
    assert heard[-1] == 60


async def test_every_record_is_in_the_stream(embedded_aws: EmbeddedAws, prefix: str, clock: FakeClock) -> None:
    world = make_world(1, 700, SourceKind.KINESIS)
    async with _open(embedded_aws, "kinesis") as kinesis:
        await kinesis.create_stream(StreamName=prefix, ShardCount=1)
        produced_at_s = await write_to_stream(kinesis, clock, prefix, world.events, lambda _: None)
        iterator = await kinesis.get_shard_iterator(
            StreamName=prefix, ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
        )
        page = await kinesis.get_records(ShardIterator=iterator["ShardIterator"], Limit=1000)
    assert produced_at_s.keys() == {event.event_id for event in world.events}
    raw = [event.raw for event in world.events if event.raw is not None]
    bodies = [record["Data"] for record in page["Records"]]
    assert sorted(body for body in bodies if body in raw) == sorted(raw)
    whole = {json.loads(body)["id"] for body in bodies if body not in raw}
    assert whole == {event.event_id for event in world.events if event.raw is None}


async def test_a_table_that_goes_on_refusing_is_no_silent_loss(clock: FakeClock) -> None:
    class Refusing:
        calls = 0

        async def batch_write_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803 - boto's
            self.calls += 1
            return {"UnprocessedItems": RequestItems}

    refusing = Refusing()
    with pytest.raises(WriteRefused, match=r"table t: .* items were refused 8 times"):
        await write_users(refusing, clock, contacts="t", settings="t", users=make_users(1, 8))
    assert refusing.calls == 8


async def test_the_account_is_read_from_tables_and_queues(
    embedded_aws: EmbeddedAws, dynamodb: Any, prefix: str
) -> None:
    leases, log, queue = (f"{prefix}-{name}" for name in ("leases", "log", "retry"))
    await _table(dynamodb, leases, "key")
    await _table(dynamodb, log, "event_id", "row")
    for key, counts in (("shard#events#1", {"read": 4, "expanded": 4}), ("worker#x", {})):
        await dynamodb.put_item(TableName=leases, Item={"key": typed(key), "accounted": typed(counts)})
    row = {"event_id": "e", "row": "d#1#accepted#p", "kind": "accepted", "delivery_id": "d", "at": 1.5}
    await dynamodb.put_item(TableName=log, Item=typed(row)["M"])
    async with _open(embedded_aws, "sqs") as sqs:
        url = (await sqs.create_queue(QueueName=queue))["QueueUrl"]
        await sqs.send_message(QueueUrl=url, MessageBody="now")
        await sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=900)
        assert await read_depth(sqs, queue) == 2
    assert await read_accounted(dynamodb, leases) == [{"read": 4, "expanded": 4}]
    (read,) = await read_rows(dynamodb, log)
    assert (read.event_id, read.kind, read.at_s, read.reason) == ("e", "accepted", 1.5, "")


@pytest.mark.parametrize("value", [None, True, "text", 7, 1.25, ["a", 1], {"a": {"b": [None]}}])
def test_a_value_survives_dynamodbs_types(value: object) -> None:
    assert plain(typed(value)) == value
