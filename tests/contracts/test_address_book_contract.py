"""One suite over the address book in memory and DynamoDbAddressBook over DynamoDB's API."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec
import pytest

from notifyd.aws.address_book import DynamoDbAddressBook
from notifyd.aws.session import AwsSession
from notifyd.core.channel import Channel
from notifyd.core.dead_address import DeadAddress, Removal
from notifyd.core.dynamodb_json import decode_item, typed_item
from notifyd.core.user import Contact
from notifyd.core.user_items import Damage, read_contact
from notifyd.ports import AddressBook
from notifyd.wire.aws_call import AwsService
from tests.fakes.address_book import FakeAddressBook
from tests.fakes.directory import FakeDirectory

TARGET = "DynamoDB_20120810."


class Rig(Protocol):
    @property
    def book(self) -> AddressBook: ...
    async def write(self, item: dict[str, Any]) -> None: ...
    async def contact(self, user_id: str) -> Contact | None: ...


class InMemory:
    def __init__(self) -> None:
        self._directory = FakeDirectory()
        self.book = FakeAddressBook(self._directory)

    async def write(self, item: dict[str, Any]) -> None:
        self._directory.contacts[item["user_id"]] = _contact(item)

    async def contact(self, user_id: str) -> Contact | None:
        return self._directory.contacts.get(user_id)


class InDynamoDb:
    """`meanwhile` is done between the next look at the item and the write."""

    def __init__(self, dynamodb: AwsService, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self.book = DynamoDbAddressBook(self, contacts=table, timeout_s=5.0)
        self.meanwhile: dict[str, Any] | None = None

    async def call(
        self, operation_target: str, body: bytes, *, timeout_s: float = 5.0, attempts_max: int = 1
    ) -> bytes:
        if operation_target == f"{TARGET}UpdateItem" and self.meanwhile is not None:
            item, self.meanwhile = self.meanwhile, None
            await self.write(item)
        return await self._dynamodb.call(operation_target, body, timeout_s=timeout_s, attempts_max=attempts_max)

    async def create(self) -> None:
        definition = {
            "TableName": self._table,
            "AttributeDefinitions": [{"AttributeName": "user_id", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "user_id", "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
        }
        await self._ask("CreateTable", definition)

    async def write(self, item: dict[str, Any]) -> None:
        await self._ask("PutItem", {"TableName": self._table, "Item": typed_item(item)})

    async def contact(self, user_id: str) -> Contact | None:
        key = {"user_id": {"S": user_id}}
        answer = await self._ask("GetItem", {"TableName": self._table, "Key": key, "ConsistentRead": True})
        item = msgspec.json.decode(answer, type=dict[str, msgspec.Raw]).get("Item")
        return None if item is None else _contact(decode_item(item))

    async def _ask(self, operation: str, asked: dict[str, Any]) -> bytes:
        return await self._dynamodb.call(TARGET + operation, msgspec.json.encode(asked))


def _contact(item: dict[str, Any]) -> Contact:
    damages: list[Damage] = []
    contact = read_contact(item["user_id"], item, damages)
    assert damages == []
    return contact


@pytest.fixture(params=["memory", pytest.param("aws", marks=pytest.mark.aws)])
def behind(request: pytest.FixtureRequest) -> AwsSession | None:
    """None: memory."""
    answers: AwsSession | None = request.getfixturevalue("aws") if request.param == "aws" else None
    return answers


@pytest.fixture
async def rig(behind: AwsSession | None, prefix: str) -> Rig:
    return InMemory() if behind is None else await _in_dynamodb(behind, prefix)


@pytest.fixture
async def dynamodb(aws: AwsSession, prefix: str) -> InDynamoDb:
    return await _in_dynamodb(aws, prefix)


async def _in_dynamodb(aws: AwsSession, prefix: str) -> InDynamoDb:
    made = InDynamoDb(await aws.lean("dynamodb"), f"{prefix}-contacts")
    await made.create()
    return made


def device(token: str, platform: str = "apns", **fields: Any) -> dict[str, Any]:
    return {"deviceToken": token, "platform": platform, **fields}


def as_list(devices: Sequence[dict[str, Any]]) -> Any:
    return list(devices)


def as_text(devices: Sequence[dict[str, Any]]) -> Any:
    return msgspec.json.encode(devices).decode()


FORMS = pytest.mark.parametrize("form", [as_list, as_text])


def dead(address: str = "t1", channel: Channel = Channel.PUSH_IOS, since_s: float = 2_000.0) -> DeadAddress:
    return DeadAddress("ann", channel, address, since_s)


async def tokens(rig: Rig) -> list[str]:
    contact = await rig.contact("ann")
    assert contact is not None
    return [device.token for device in contact.device_tokens]


@FORMS
async def test_the_dead_device_goes_and_the_others_stay(rig: Rig, form: Callable[..., Any]) -> None:
    devices = [
        device("t0"),
        device("t1", registered_at=1_000),
        device("t1", "fcm"),
        device("t2", owner="kept with all its fields"),
    ]
    await rig.write({"user_id": "ann", "email": "ann@example.com", "device_tokens": form(devices)})
    assert await rig.book.remove(dead()) is Removal.REMOVED
    assert await tokens(rig) == ["t0", "t1", "t2"]
    contact = await rig.contact("ann")
    assert contact is not None
    assert contact.email == "ann@example.com"
    assert [one.platform for one in contact.device_tokens] == ["apns", "fcm", "apns"]


@FORMS
async def test_a_token_registered_later_stays(rig: Rig, form: Callable[..., Any]) -> None:
    await rig.write({"user_id": "ann", "device_tokens": form([device("t1", registered_at=2_000.5)])})
    assert await rig.book.remove(dead(since_s=2_000.4)) is Removal.KEPT
    assert await tokens(rig) == ["t1"]
    assert await rig.book.remove(dead(since_s=2_000.5)) is Removal.REMOVED
    assert await tokens(rig) == []


@FORMS
async def test_of_one_registered_in_the_same_whole_second_nobody_knows_so_it_stays(
    rig: Rig, form: Callable[..., Any]
) -> None:
    await rig.write({"user_id": "ann", "device_tokens": form([device("t1", registered_at=2_000)])})
    assert await rig.book.remove(dead(since_s=2_000.9)) is Removal.KEPT
    assert await rig.book.remove(dead(since_s=2_001.0)) is Removal.REMOVED


@FORMS
async def test_of_a_token_that_stands_twice_both_go(rig: Rig, form: Callable[..., Any]) -> None:
    devices = [device("t1"), device("t2"), device("t1", registered_at=1.0)]
    await rig.write({"user_id": "ann", "device_tokens": form(devices)})
    assert await rig.book.remove(dead()) is Removal.REMOVED
    assert await tokens(rig) == ["t2"]


async def test_what_is_not_there_needs_no_removal(rig: Rig) -> None:
    assert await rig.book.remove(dead()) is Removal.KEPT
    await rig.write({"user_id": "ann", "email": "ann@example.com"})
    assert await rig.book.remove(dead()) is Removal.KEPT
    assert await rig.book.remove(dead()) is Removal.KEPT
    assert await rig.contact("ann") == Contact("ann", "ann@example.com")


@pytest.mark.parametrize(
    ("channel", "attribute", "address"),
    [(Channel.EMAIL, "email", "ann@example.com"), (Channel.SMS, "phone", "+31600000000")],
)
async def test_another_address_is_marked_and_stays(
    rig: Rig, channel: Channel, attribute: str, address: str
) -> None:
    await rig.write({"user_id": "ann", attribute: address})
    for _ in range(2):
        assert await rig.book.remove(dead(address, channel)) is Removal.SUPPRESSED
    contact = await rig.contact("ann")
    assert contact is not None
    assert contact.suppressed == (f"{channel}:{address}",)
    assert address in {contact.email, contact.phone}


async def test_an_address_that_was_changed_meanwhile_is_not_marked(rig: Rig) -> None:
    await rig.write({"user_id": "ann", "email": "new@example.com"})
    assert await rig.book.remove(dead("ann@example.com", Channel.EMAIL)) is Removal.KEPT
    assert await rig.book.remove(DeadAddress("nobody", Channel.EMAIL, "x@example.com", 0.0)) is Removal.KEPT
    assert await rig.contact("nobody") is None
    contact = await rig.contact("ann")
    assert contact is not None
    assert contact.suppressed == ()


async def test_a_hook_is_marked(rig: Rig) -> None:
    hook = "https://hooks.example.com/1"
    await rig.write({"user_id": "ann", "external_channels": [{"platform": "slack", "url": hook}]})
    assert await rig.book.remove(dead(hook, Channel.CHAT)) is Removal.SUPPRESSED
    contact = await rig.contact("ann")
    assert contact is not None
    assert contact.suppressed == (f"chat:{hook}",)


@pytest.mark.aws
@FORMS
async def test_a_token_registered_anew_between_the_look_and_the_write_stays(
    dynamodb: InDynamoDb, form: Callable[..., Any]
) -> None:
    await dynamodb.write({"user_id": "ann", "device_tokens": form([device("t1", registered_at=1_000)])})
    dynamodb.meanwhile = {"user_id": "ann", "device_tokens": form([device("t1", registered_at=3_000)])}
    assert await dynamodb.book.remove(dead()) is Removal.KEPT
    assert await tokens(dynamodb) == ["t1"]


@pytest.mark.aws
@FORMS
async def test_a_list_that_moved_between_the_look_and_the_write_is_looked_at_again(
    dynamodb: InDynamoDb, form: Callable[..., Any]
) -> None:
    await dynamodb.write({"user_id": "ann", "device_tokens": form([device("t1")])})
    dynamodb.meanwhile = {"user_id": "ann", "device_tokens": form([device("t2"), device("t1")])}
    assert await dynamodb.book.remove(dead()) is Removal.REMOVED
    assert await tokens(dynamodb) == ["t2"]
