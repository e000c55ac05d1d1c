from __future__ import annotations

import asyncio

import msgspec
import pytest

from notifyd.core.catalog import LookupSpec
from notifyd.core.path import compile_path
from notifyd.lookups.of_spec import lookup_of
from notifyd.wire.transport import Response
from tests.fakes.system import FakeClock, FakeEntropy
from tests.fakes.tables import FakeTables
from tests.fakes.transport import FakeTransport

KEY = compile_path("detail.merchant")


class DescribedTables(FakeTables):
    async def call(
        self, operation_target: str, body: bytes, *, timeout_s: float = 5.0, attempts_max: int = 1
    ) -> bytes:
        if operation_target == "DynamoDB_20120810.DescribeTable":
            schema = [{"AttributeName": "merchant", "KeyType": "HASH"}]
            types = [{"AttributeName": "merchant", "AttributeType": "S"}]
            return msgspec.json.encode({"Table": {"KeySchema": schema, "AttributeDefinitions": types}})
        return await super().call(operation_target, body, timeout_s=timeout_s, attempts_max=attempts_max)


@pytest.mark.parametrize(
    "spec",
    [
        LookupSpec("merchant", KEY, table="merchants", timeout_s=0.5, cache_ttl_s=60),
        LookupSpec("merchant", KEY, url="https://facts.example.com/v1", timeout_s=0.5, cache_ttl_s=60),
    ],
    ids=["table", "service"],
)
async def test_a_table_and_a_service_are_asked_within_the_specs_time_and_remembered_as_long_as_it_says(
    spec: LookupSpec, clock: FakeClock, entropy: FakeEntropy
) -> None:
    item = {"merchant": "m1", "name": "Marta"}
    tables = DescribedTables({"merchants": [item]}, key="merchant", clock=clock)
    transport = FakeTransport([Response(200, {}, msgspec.json.encode({"found": {"m1": item}}))])

    async with asyncio.TaskGroup() as tasks:
        lookup = await lookup_of(
            spec, dynamodb=tables, transport=transport, clock=clock, entropy=entropy, tasks=tasks
        )
        assert await lookup.fetch(["m1"]) == {"m1": item}
        clock.advance(59)
        assert await lookup.fetch(["m1"]) == {"m1": item}

    assert len(tables.asked) + len(transport.requests) == 1
    assert all(timeout_s == spec.timeout_s for timeout_s in tables.timeouts_s)
