from __future__ import annotations

import pytest

from bench.servers.capacity import batch_read_units, item_bytes, read_units, row_units, write_units
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


def test_a_row_is_billed_for_the_table_and_for_each_index() -> None:
    row, long = (b'{"text":{"S":"%b"}}' % (b"x" * size) for size in (990, 1100))
    assert [row_units(row, 1), row_units(row, 2), row_units(long, 2)] == [1, 2, 4]


def test_json_that_is_longer_than_a_unit_is_billed_as_the_item_that_it_is() -> None:
    assert row_units(b'{"text":{"S":"%b"}}' % (b"x" * 1020), 1) == 1


def test_users_in_a_batch_are_billed_each_for_itself_and_half_where_they_may_be_old() -> None:
    items = [b'{"user_id":{"S":"u1"}}', b'{"user_id":{"S":"%b"}}' % (b"x" * 5000)]
    assert batch_read_units(items, consistent=True) == 3
    assert batch_read_units(items, consistent=False) == 1.5


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
