"""One suite over the directory in memory, and DynamoDbDirectory over tables in memory and over DynamoDB's API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from notifyd.aws.directory import DirectoryPolicy, DynamoDbDirectory
from notifyd.aws.session import AwsSession
from notifyd.core.channel import Channel
from notifyd.core.dynamodb_json import typed_item
from notifyd.core.user import Contact, DeviceToken, Person, UserSettings
from notifyd.ports import Directory
from notifyd.wire.aws_call import AwsService
from notifyd.wire.batch_get import AwsCaller
from tests.fakes.directory import FakeDirectory
from tests.fakes.system import FakeClock, FakeEntropy
from tests.fakes.tables import FakeTables

CONTACTS: list[dict[str, Any]] = [
    {"user_id": "ann", "email": "ann@example.com", "device_tokens": [{"deviceToken": "t1", "platform": "apns"}]},
    {"user_id": "bob", "email": "bob@example.com", "name": "status and other words that DynamoDB reserves"},
    *({"user_id": f"u{number}", "email": f"u{number}@example.com"} for number in range(120)),
]
SETTINGS: list[dict[str, Any]] = [
    {"user_id": "ann", "opted_out": False, "categories": {"news": False, "billing": ["email"]}},
    {"user_id": "cor", "opted_out": True},
]
PEOPLE = {
    "ann": Person(
        "ann",
        Contact("ann", "ann@example.com", device_tokens=(DeviceToken("t1", "apns"),)),
        UserSettings("ann", categories={"news": False, "billing": (Channel.EMAIL,)}),
    ),
    "bob": Person("bob", Contact("bob", "bob@example.com")),
    "cor": Person("cor", settings=UserSettings("cor", opted_out=True)),
}


@pytest.fixture(params=["memory", "tables", pytest.param("aws", marks=pytest.mark.aws)])
def behind(request: pytest.FixtureRequest) -> str | AwsSession:
    """What answers: an AwsSession, or the name of what stands in memory."""
    answers: str | AwsSession = request.getfixturevalue("aws") if request.param == "aws" else request.param
    return answers


@pytest.fixture
async def directory(
    behind: str | AwsSession, clock: FakeClock, entropy: FakeEntropy, prefix: str
) -> AsyncIterator[Directory]:
    if behind == "memory":
        yield _in_memory()
        return
    caller: AwsCaller
    contacts, settings = f"{prefix}-contacts", f"{prefix}-settings"
    if isinstance(behind, AwsSession):
        caller = await _created(behind, {contacts: CONTACTS, settings: SETTINGS})
    else:
        caller = FakeTables({contacts: CONTACTS, settings: SETTINGS}, key="user_id", clock=clock)
    async with asyncio.TaskGroup() as tasks:
        yield DynamoDbDirectory(
            caller,
            contacts=contacts,
            settings=settings,
            clock=clock,
            entropy=entropy,
            tasks=tasks,
            damaged=_no_damage,
            policy=DirectoryPolicy(),
        )


def _no_damage(damages: object) -> None:
    pytest.fail(f"damaged: {damages}")


def _in_memory() -> FakeDirectory:
    known = [person.contact for person in PEOPLE.values() if person.contact]
    others = [Contact(item["user_id"], item["email"]) for item in CONTACTS[2:]]
    settings = [person.settings for person in PEOPLE.values() if person.settings]
    return FakeDirectory([*known, *others], settings)


async def _created(aws: AwsSession, tables: dict[str, list[dict[str, Any]]]) -> AwsService:
    dynamodb = await aws.lean("dynamodb")
    for table, items in tables.items():
        await _write(dynamodb, table, items)
    return dynamodb


async def _write(dynamodb: AwsService, table: str, items: list[dict[str, Any]]) -> None:
    definition = {
        "TableName": table,
        "AttributeDefinitions": [{"AttributeName": "user_id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "user_id", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
    }
    await dynamodb.call("DynamoDB_20120810.CreateTable", msgspec.json.encode(definition))
    for start in range(0, len(items), 25):
        puts = [{"PutRequest": {"Item": typed_item(item)}} for item in items[start : start + 25]]
        body = msgspec.json.encode({"RequestItems": {table: puts}})
        await dynamodb.call("DynamoDB_20120810.BatchWriteItem", body)


async def test_contacts_and_settings_of_a_user_come_together(directory: Directory) -> None:
    assert await directory.look_up(["ann", "bob", "cor"]) == PEOPLE


async def test_a_user_nobody_knows_has_neither_contact_nor_settings(directory: Directory) -> None:
    people = await directory.look_up(["nobody", "bob"])
    assert people == {"nobody": Person("nobody"), "bob": PEOPLE["bob"]}


async def test_nobody_asked_for_is_nobody_found(directory: Directory) -> None:
    assert await directory.look_up([]) == {}


async def test_more_users_than_fit_a_call_and_one_named_twice(directory: Directory) -> None:
    user_ids = [f"u{number}" for number in range(120)]
    people = await directory.look_up([*user_ids, "u0"])

    assert people == {user_id: Person(user_id, Contact(user_id, f"{user_id}@example.com")) for user_id in user_ids}


async def test_ids_that_no_item_can_have_are_unknown_and_cost_nobody_else(directory: Directory) -> None:
    odd = ["", "x" * 2049, "\ud83d"]
    people = await directory.look_up([*odd, "bob"])

    assert people == {"bob": PEOPLE["bob"], **{user_id: Person(user_id) for user_id in odd}}


async def test_callers_at_the_same_time_each_get_their_own(directory: Directory) -> None:
    first, second = await asyncio.gather(directory.look_up(["ann", "bob"]), directory.look_up(["bob", "cor"]))

    assert set(first) == {"ann", "bob"}
    assert set(second) == {"bob", "cor"}


async def test_asking_again_answers_the_same(directory: Directory) -> None:
    first = await directory.look_up(["ann", "nobody"])
    assert await directory.look_up(["ann", "nobody"]) == first
