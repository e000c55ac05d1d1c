from __future__ import annotations

import pytest

from bench.servers.capacity import item_bytes, read_units, write_units
from bench.servers.dynamodb import Dynamodb
from bench.servers.expressions import Item
from bench.servers.people import People
from tests.bench.conftest import Client

LEASES = "bench-leases"


@pytest.mark.parametrize(
    ("item", "size_bytes"),
    [
        ({"key": {"S": "ü"}}, 5),
        ({"n": {"N": "0"}}, 2),
        ({"n": {"N": "1700000000.123"}}, 9),
        ({"b": {"B": "AAEC"}}, 4),
        ({"l": {"L": [{"S": "ab"}, {"BOOL": True}]}}, 1 + 3 + 3 + 2),
        ({"m": {"M": {"read": {"N": "12"}}}}, 1 + 3 + 1 + 4 + 2),
    ],
)
def test_names_and_values_count_as_dynamodb_counts_them(item: Item, size_bytes: int) -> None:
    assert item_bytes(item) == size_bytes


def test_a_write_is_billed_by_the_larger_of_the_items_before_and_after() -> None:
    assert [write_units(0, 0), write_units(0, 1024), write_units(1025, 10), write_units(10, 2049)] == [1, 1, 2, 3]


def test_a_scan_is_billed_for_all_that_it_read() -> None:
    assert [read_units(0), read_units(4096), read_units(4097)] == [1, 1, 2]


async def test_writes_to_the_leases_are_billed_by_kind_refused_ones_too(client_of: Client) -> None:
    tables = Dynamodb("bench", 0.0, People())
    shard = {"key": {"S": "shard#1"}, "text": {"S": "x" * 1500}}
    async with client_of(tables.answer, "dynamodb") as client:
        await client.put_item(TableName=LEASES, Item=shard)
        await client.put_item(TableName=LEASES, Item={"key": {"S": "worker#1"}})
        with pytest.raises(client.exceptions.ConditionalCheckFailedException):
            await client.update_item(
                TableName=LEASES,
                Key={"key": {"S": "shard#1"}},
                UpdateExpression="SET seen = :one",
                ConditionExpression="attribute_not_exists(text)",
                ExpressionAttributeValues={":one": {"N": "1"}},
            )
        await client.scan(TableName=LEASES)
    billed = tables.control("stats", b"")["leases"]
    assert billed["write_units"] == {"shard": 4, "worker": 1}
    assert billed["read_units"] == {"scan": 1}
    tables.control("window", b"")
    assert tables.control("stats", b"")["leases"]["write_units"] == {}
