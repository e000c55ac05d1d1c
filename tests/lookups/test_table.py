from __future__ import annotations

from typing import Any

import msgspec
import pytest

from notifyd.errors import AwsError, ConfigError, Throttled
from notifyd.lookups.table import TableFacts, find_table
from notifyd.wire.batch_get import Table
from tests.fakes.system import FakeClock, FakeEntropy
from tests.fakes.tables import FakeTables


def _facts(tables: FakeTables, clock: FakeClock) -> TableFacts:
    return TableFacts(tables, Table("t", "id"), clock=clock, entropy=FakeEntropy(), deadline_s=1.0)


async def test_a_key_that_stays_unprocessed_failed_and_the_others_are_known(clock: FakeClock) -> None:
    tables = FakeTables({"t": [{"id": "a"}, {"id": "b"}]}, key="id", clock=clock)
    tables.leaves = lambda key: key == "b"
    fetched = await _facts(tables, clock).read(["a", "b", "c"])

    assert fetched.found == {"a": {"id": "a"}, "c": None}
    assert isinstance(fetched.failure, Throttled)


async def test_an_item_that_cannot_be_read_is_a_key_that_failed(clock: FakeClock) -> None:
    class Odd(FakeTables):
        async def call(
            self, operation_target: str, body: bytes, *, timeout_s: float = 5.0, attempts_max: int = 1
        ) -> bytes:
            answer = await super().call(operation_target, body, timeout_s=timeout_s, attempts_max=attempts_max)
            return answer.replace(b'{"S":"odd"}', b'{"X":"odd"}')

    tables = Odd({"t": [{"id": "a", "x": "odd"}, {"id": "b"}]}, key="id", clock=clock)
    fetched = await _facts(tables, clock).read(["a", "b"])

    assert fetched.found == {"b": {"id": "b"}}
    assert fetched.failure is None, "the table answered, so its breaker has nothing to learn"


class Described:
    def __init__(self, *keys: tuple[str, str]) -> None:
        self._keys = keys

    async def call(
        self, operation_target: str, body: bytes, *, timeout_s: float = 5.0, attempts_max: int = 1
    ) -> bytes:
        assert operation_target == "DynamoDB_20120810.DescribeTable"
        assert timeout_s > 0
        assert attempts_max > 1
        if not self._keys:
            raise AwsError(operation_target, "ResourceNotFoundException", "", status=400)
        table: dict[str, Any] = {
            "TableName": msgspec.json.decode(body)["TableName"],
            "KeySchema": [{"AttributeName": name, "KeyType": "HASH"} for name, _ in self._keys],
            "AttributeDefinitions": [{"AttributeName": name, "AttributeType": kind} for name, kind in self._keys],
        }
        return msgspec.json.encode({"Table": table})


async def test_a_tables_key_is_its_own() -> None:
    assert await find_table(Described(("merchant", "S")), "t") == Table("t", "merchant")


@pytest.mark.parametrize("keys", [(("id", "N"),), (("id", "S"), ("at", "S"))])
async def test_a_table_that_text_cannot_be_looked_up_in_is_refused(keys: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(ConfigError, match=r"table t: its key is id"):
        await find_table(Described(*keys), "t")


async def test_a_table_that_is_not_there_is_awss_own_error() -> None:
    with pytest.raises(AwsError):
        await find_table(Described(), "t")
