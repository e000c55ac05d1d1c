"""One suite over look-ups in tables, in memory and behind DynamoDB's API, and in a service over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from aiohttp import web

from notifyd.aws.session import AwsSession
from notifyd.core.dynamodb_json import typed_item
from notifyd.lookups.cached import CachedLookup, FactSource, LookupPolicy
from notifyd.lookups.service import ServiceFacts, ServicePolicy
from notifyd.lookups.table import TableFacts, find_table
from notifyd.ports import Lookup
from notifyd.wire.aws_call import AwsService
from notifyd.wire.batch_get import Table
from notifyd.wire.tls import client_context
from notifyd.wire.transport_aiohttp import AiohttpTransport
from tests.fakes.system import FakeClock, FakeEntropy
from tests.fakes.tables import FakeTables

FACTS: dict[str, dict[str, Any]] = {
    f"m{number}": {"merchant": f"m{number}", "name": "status", "rating": 4.5, "tags": ["a", None, {"deep": True}]}
    for number in range(150)
}


@pytest.fixture(params=["tables", "service", pytest.param("aws", marks=pytest.mark.aws)])
def behind(request: pytest.FixtureRequest) -> str | AwsSession:
    answers: str | AwsSession = request.getfixturevalue("aws") if request.param == "aws" else request.param
    return answers


@pytest.fixture
async def source(
    behind: str | AwsSession, clock: FakeClock, entropy: FakeEntropy, prefix: str
) -> AsyncIterator[FactSource]:
    if isinstance(behind, AwsSession):
        dynamodb = await behind.lean("dynamodb")
        await _create(dynamodb, prefix)
        table = await find_table(dynamodb, prefix)
        yield TableFacts(dynamodb, table, clock=clock, entropy=entropy, deadline_s=5.0)
    elif behind == "tables":
        tables = FakeTables({prefix: list(FACTS.values())}, key="merchant", clock=clock)
        yield TableFacts(tables, Table(prefix, "merchant"), clock=clock, entropy=entropy, deadline_s=5.0)
    else:
        runner = web.AppRunner(_service())
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        transport = AiohttpTransport(client_context(None))
        port = runner.addresses[0][1]
        url = f"http://127.0.0.1:{port}/facts"
        yield ServiceFacts(transport, url, clock=clock, entropy=entropy, policy=ServicePolicy(deadline_s=5.0))
        await transport.close()
        await runner.cleanup()


@pytest.fixture
async def lookup(source: FactSource, clock: FakeClock, entropy: FakeEntropy) -> AsyncIterator[Lookup]:
    async with asyncio.TaskGroup() as tasks:
        yield CachedLookup("merchants", source, clock=clock, entropy=entropy, tasks=tasks, policy=LookupPolicy())


def _service() -> web.Application:
    async def facts(request: web.Request) -> web.Response:
        asked = await request.json()
        return web.json_response({"found": {key: FACTS[key] for key in asked["keys"] if key in FACTS}})

    app = web.Application()
    app.router.add_post("/facts", facts)
    return app


async def _create(dynamodb: AwsService, table: str) -> None:
    definition = {
        "TableName": table,
        "AttributeDefinitions": [{"AttributeName": "merchant", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "merchant", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
    }
    await dynamodb.call("DynamoDB_20120810.CreateTable", msgspec.json.encode(definition))
    items = list(FACTS.values())
    for start in range(0, len(items), 25):
        puts = [{"PutRequest": {"Item": typed_item(item)}} for item in items[start : start + 25]]
        body = msgspec.json.encode({"RequestItems": {table: puts}})
        await dynamodb.call("DynamoDB_20120810.BatchWriteItem", body)


async def test_what_is_known_comes_whole_and_what_is_absent_is_none(lookup: Lookup) -> None:
    assert await lookup.fetch(["m1", "nobody", "m2"]) == {"m1": FACTS["m1"], "m2": FACTS["m2"], "nobody": None}


async def test_no_keys_are_no_facts(lookup: Lookup) -> None:
    assert await lookup.fetch([]) == {}


async def test_more_keys_than_fit_a_call(lookup: Lookup) -> None:
    assert await lookup.fetch(set(FACTS)) == FACTS


async def test_keys_that_cannot_be_one_are_absent_and_cost_no_other(lookup: Lookup) -> None:
    odd = ["", "x" * 3000, "\ud83d"]
    assert await lookup.fetch([*odd, "m1"]) == {"m1": FACTS["m1"], **dict.fromkeys(odd)}


async def test_asking_again_answers_the_same(lookup: Lookup) -> None:
    first = await lookup.fetch(["m1", "nobody"])
    assert await lookup.fetch(["m1", "nobody"]) == first
