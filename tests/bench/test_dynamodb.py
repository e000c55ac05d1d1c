from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from bench.servers.dynamodb import Dynamodb
from bench.servers.dynamodb_streams import stream_arn
from bench.servers.people import People
from tests.bench.conftest import Client

LEASE = {"key": {"S": "shard-1"}, "epoch": {"N": "1"}, "commit_id": {"S": "a"}}


@pytest.fixture
def tables() -> Dynamodb:
    return Dynamodb("bench", 0.0, People())


def update(epoch: str, commit_id: str, was: str) -> dict[str, Any]:
    return {
        "TableName": "bench-leases",
        "Key": {"key": {"S": "shard-1"}},
        "UpdateExpression": "SET #commit_id = :commit_id, seen = :one REMOVE gone",
        "ConditionExpression": "#epoch = :was_epoch AND #commit_id = :was_commit_id",
        "ExpressionAttributeNames": {"#epoch": "epoch", "#commit_id": "commit_id"},
        "ExpressionAttributeValues": {
            ":commit_id": {"S": commit_id},
            ":one": {"N": "1"},
            ":was_epoch": {"N": epoch},
            ":was_commit_id": {"S": was},
        },
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        "ReturnValues": "ALL_NEW",
    }


async def test_an_item_is_created_once(tables: Dynamodb, client_of: Client) -> None:
    put = {
        "TableName": "bench-leases",
        "Item": LEASE,
        "ConditionExpression": "attribute_not_exists(#key)",
        "ExpressionAttributeNames": {"#key": "key"},
    }
    async with client_of(tables.answer, "dynamodb") as client:
        await client.put_item(**put)
        with pytest.raises(ClientError, match="ConditionalCheckFailedException"):
            await client.put_item(**put)


async def test_an_update_changes_what_it_names_where_its_condition_holds(
    tables: Dynamodb, client_of: Client
) -> None:
    async with client_of(tables.answer, "dynamodb") as client:
        await client.put_item(TableName="bench-leases", Item=LEASE | {"gone": {"S": "x"}})
        answer = await client.update_item(**update("1", "b", was="a"))
        expected = {"key": {"S": "shard-1"}, "epoch": {"N": "1"}, "commit_id": {"S": "b"}, "seen": {"N": "1"}}
        assert answer["Attributes"] == expected
        assert (await client.scan(TableName="bench-leases"))["Items"] == [expected]


@pytest.mark.parametrize(("epoch", "was"), [("2", "a"), ("1", "other")])
async def test_a_refused_update_changes_nothing_and_shows_the_item(
    tables: Dynamodb, client_of: Client, epoch: str, was: str
) -> None:
    async with client_of(tables.answer, "dynamodb") as client:
        await client.put_item(TableName="bench-leases", Item=LEASE)
        with pytest.raises(ClientError) as refused:
            await client.update_item(**update(epoch, "b", was=was))
        assert refused.value.response["Error"]["Code"] == "ConditionalCheckFailedException"
        assert refused.value.response["Item"] == LEASE
        held = await client.get_item(TableName="bench-leases", Key={"key": {"S": "shard-1"}})
        assert held["Item"] == LEASE


async def test_users_are_found_in_both_tables_by_one_call(tables: Dynamodb, client_of: Client) -> None:
    keys = [{"user_id": {"S": f"user-{index:07d}"}} for index in (3, 5)]
    async with client_of(tables.answer, "dynamodb") as client:
        answer = await client.batch_get_item(
            RequestItems={"bench-contacts": {"Keys": keys}, "bench-settings": {"Keys": keys}}
        )
    contacts, settings = (answer["Responses"][f"bench-{table}"] for table in ("contacts", "settings"))
    assert [item["email"]["S"] for item in contacts] == [
        "user-0000003@bench.example",
        "user-0000005@bench.example",
    ]
    assert [item["opted_out"]["BOOL"] for item in settings] == [False, False]


async def test_log_rows_are_kept_counted_by_kind_and_found_by_event(tables: Dynamodb, client_of: Client) -> None:
    rows = [{"event_id": {"S": "evt-1"}, "row": {"S": f"ID#1#{kind}#0:0"}} for kind in ("accepted", "deferred")]
    async with client_of(tables.answer, "dynamodb") as client:
        await client.batch_write_item(RequestItems={"bench-log": [{"PutRequest": {"Item": row}} for row in rows]})
        found = await client.query(
            TableName="bench-log",
            KeyConditionExpression="#event_id = :event_id",
            ExpressionAttributeNames={"#event_id": "event_id"},
            ExpressionAttributeValues={":event_id": {"S": "evt-1"}},
        )
    assert found["Items"] == rows
    assert tables.control("stats", b"")["rows"] == {"accepted": 1, "deferred": 1}


async def test_batches_and_single_rows_stand_in_the_log_as_they_came(tables: Dynamodb, client_of: Client) -> None:
    def row(kind: str, note: str) -> dict[str, Any]:
        return {"event_id": {"S": "evt-1"}, "row": {"S": f"ID#1#{kind}"}, "note": {"S": note}}

    async with client_of(tables.answer, "dynamodb") as client:

        async def batch(kind: str, note: str) -> None:
            put = {"PutRequest": {"Item": row(kind, note)}}
            await client.batch_write_item(RequestItems={"bench-log": [put]})

        await batch("accepted", "first")
        await client.put_item(TableName="bench-log", Item=row("accepted", "second"))
        await client.put_item(TableName="bench-log", Item=row("claim", "second"))
        await batch("claim", "third")
        items = (await client.scan(TableName="bench-log"))["Items"]
    assert sorted(items, key=str) == sorted([row("accepted", "second"), row("claim", "third")], key=str)


async def test_a_new_window_forgets_counts_and_bills_and_no_rows(tables: Dynamodb, client_of: Client) -> None:
    async def write(*numbers: int) -> None:
        rows = [{"event_id": {"S": f"evt-{n}"}, "row": {"S": f"{n}#1#accepted"}} for n in numbers]
        await client.batch_write_item(RequestItems={"bench-log": [{"PutRequest": {"Item": row}} for row in rows]})

    async with client_of(tables.answer, "dynamodb") as client:
        await write(1, 2, 3)
        billed = tables.control("stats", b"")["units"]
        tables.control("window", b"")
        await write(4)
    stats = tables.control("stats", b"")
    assert (stats["accepted"], stats["unique"]) == (1, 4)
    assert tables.control("progress", b"")["rows"] == 4
    for name in ("log written", "log bytes"):
        assert stats["units"][name] == billed[name] / 3


@pytest.mark.parametrize("count", [1, 26])
async def test_a_batch_that_dynamodb_would_refuse_is_refused(
    tables: Dynamodb, client_of: Client, count: int
) -> None:
    """26 rows are one too many; the same row twice is refused whatever the count."""
    rows = [{"event_id": {"S": "evt-1"}, "row": {"S": f"ID#{n}#accepted#0:0"}} for n in range(count)]
    requests = [{"PutRequest": {"Item": row}} for row in (rows if count > 25 else rows * 2)]
    async with client_of(tables.answer, "dynamodb") as client:
        with pytest.raises(ClientError, match="ValidationException"):
            await client.batch_write_item(RequestItems={"bench-log": requests})
    assert tables.control("stats", b"")["accepted"] == tables.control("stats", b"")["unique"] == 0


async def test_what_was_accepted_is_told_by_the_rows(tables: Dynamodb, client_of: Client) -> None:
    """An event of which two attempts were accepted was sent twice; two events under one id have a bad one."""
    keys = [("evt-1", "A#1#accepted#0"), ("evt-1", "A#2#accepted#0"), ("evt-2", "B#1#deferred#0")]
    keys += [("evt-3", "C#1#accepted#0"), ("evt-4", "C#1#accepted#0")]
    requests = [{"PutRequest": {"Item": {"event_id": {"S": event}, "row": {"S": row}}}} for event, row in keys]
    async with client_of(tables.answer, "dynamodb") as client:
        await client.batch_write_item(RequestItems={"bench-log": requests})
    stats = tables.control("stats", b"")
    assert (stats["accepted"], stats["unique"], stats["duplicates"], stats["bad_ids"]) == (4, 3, 1, 1)


async def test_the_events_table_leads_to_its_stream(tables: Dynamodb, client_of: Client) -> None:
    async with client_of(tables.answer, "dynamodb") as client:
        table = (await client.describe_table(TableName="bench-events"))["Table"]
    assert table["StreamSpecification"]["StreamViewType"] == "NEW_IMAGE"
    assert table["LatestStreamArn"] == stream_arn("bench-events")
