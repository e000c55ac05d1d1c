"""One suite over the delivery log in memory and on DynamoDB's API."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyd.aws.blueprint import attribute_definitions, blueprint, key_schema, secondary_index
from notifyd.aws.delivery_log import DynamoDbDeliveryLog
from notifyd.aws.log_items import item_of, parse_row, within_bounds
from notifyd.aws.session import AwsSession
from notifyd.core.channel import Channel
from notifyd.core.log_row import LogRow, RowKind
from notifyd.errors import Throttled
from notifyd.names import LogIndex, Names
from notifyd.ports import DeliveryLog
from tests.fakes.delivery_log import FakeDeliveryLog
from tests.fakes.system import FakeClock, FakeEntropy
from tests.support.scripted_aws import ScriptedAws

DELIVERY = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@pytest.fixture(params=["memory", pytest.param("aws", marks=pytest.mark.aws)])
def behind(request: pytest.FixtureRequest) -> AwsSession | None:
    session: AwsSession | None = request.getfixturevalue("aws") if request.param == "aws" else None
    return session


@pytest.fixture
async def log(behind: AwsSession | None, prefix: str, clock: FakeClock, entropy: FakeEntropy) -> DeliveryLog:
    return FakeDeliveryLog() if behind is None else await _on_aws(behind, prefix, clock, entropy)


async def _on_aws(aws: AwsSession, prefix: str, clock: FakeClock, entropy: FakeEntropy) -> DynamoDbDeliveryLog:
    plan = blueprint(
        Names(prefix), sources=[], channels=[], log_indexes=list(LogIndex), visibility_s=60, topic="t"
    )
    table = next(table for table in plan.tables if table.name == f"{prefix}-log")
    async with aws.client("dynamodb") as dynamodb:
        await dynamodb.create_table(
            TableName=table.name,
            KeySchema=key_schema(table.key),
            AttributeDefinitions=attribute_definitions(table),
            BillingMode="PAY_PER_REQUEST",
            GlobalSecondaryIndexes=[secondary_index(index) for index in table.indexes],
        )
    return DynamoDbDeliveryLog(table.name, await aws.lean("dynamodb"), clock=clock, entropy=entropy, timeout_s=5)


def row(event_id: str = "e1", kind: RowKind = RowKind.ACCEPTED, **changes: Any) -> LogRow:
    made = LogRow(
        event_id=event_id,
        delivery_id=DELIVERY,
        attempt=1,
        kind=kind,
        position="kinesis:events/shardId-1/49590338271490256608559692538361571095921575989136588898:3",
        at_s=1_700_000_000.123456,
        expires_at_s=1_701_000_000,
        user_id="ünïcode 👋",
        type_name="paid",
        channel=Channel.EMAIL,
        address_hint="a…@example.com",
        provider="ses",
        provider_id="0100-x",
        detail={"answer": 'quotes " and \n breaks', "deep": {"n": [1, 2.5, None]}},
    )
    return msgspec.structs.replace(made, **changes)


async def test_a_row_is_there_as_it_was_appended(log: DeliveryLog) -> None:
    bare = LogRow("e1", "gap", 0, RowKind.GAP, "a/b/1:0", 5.0, 0)
    await log.append([row(), bare])
    assert sorted(await log.rows_of_event("e1"), key=lambda each: each.row) == [row(), bare]


@pytest.mark.parametrize(
    "position", ["kinesis:events/shardId-1/", "kinesis:events/shardId-1/5:0", "", "shardId-1"]
)
def test_no_key_of_an_index_is_empty(position: str) -> None:
    """DynamoDB refuses the whole call for one. A gap from a shard's beginning to its end has no sequence."""
    gap = LogRow("gap#kinesis:events/shardId-1", "gap", 0, RowKind.GAP, position, 5.0, 0)
    item = msgspec.to_builtins(item_of(gap, gap.row))
    keys = ("user_id", "at", "delivery_id", "shard", "sequence")
    assert [name for name in keys if "" in item.get(name, {}).values()] == []


async def test_nothing_appended_is_nothing_done(log: DeliveryLog) -> None:
    await log.append([])
    assert await log.rows_of_event("e1") == []


async def test_appending_twice_is_appending_once(log: DeliveryLog) -> None:
    await log.append([row()])
    await log.append([row()])
    assert await log.rows_of_event("e1") == [row()]


async def test_repeats_in_one_call_are_folded(log: DeliveryLog) -> None:
    await log.append([row(), row(), row(kind=RowKind.POSSIBLE_DUPLICATE), row()])
    assert {each.kind for each in await log.rows_of_event("e1")} == {
        RowKind.ACCEPTED,
        RowKind.POSSIBLE_DUPLICATE,
    }


async def test_the_same_delivery_at_another_position_overwrites_nothing(log: DeliveryLog) -> None:
    again = row(position="kinesis:events/shardId-1/5:0")
    await log.append([row()])
    await log.append([again])
    assert len(await log.rows_of_event("e1")) == 2


async def test_more_rows_than_fit_a_call_are_all_there(log: DeliveryLog) -> None:
    rows = [row(attempt=number) for number in range(130)]
    await log.append(rows)
    assert {each.attempt for each in await log.rows_of_event("e1")} == set(range(130))


async def test_rows_of_other_events_stay_out(log: DeliveryLog) -> None:
    await log.append([row("e1"), row("e10")])
    assert [each.event_id for each in await log.rows_of_event("e1")] == ["e1"]


async def test_of_those_who_claim_an_attempt_one_gets_it(log: DeliveryLog) -> None:
    answers = await asyncio.gather(
        *(log.claim_attempt(row(kind=RowKind.CLAIM, provider=f"w{n}"), 100.0 + n) for n in range(5))
    )
    assert answers.count(None) == 1
    standing = {each.provider for each in answers if each is not None}
    assert len(standing) == 1
    [loser, *_] = [each for each in answers if each is not None]
    assert loser.detail is not None
    assert loser.detail["until_s"] == 100.0 + int(loser.provider[1:])


async def test_another_attempt_is_another_claim(log: DeliveryLog) -> None:
    assert await log.claim_attempt(row(kind=RowKind.CLAIM), 1.0) is None
    assert await log.claim_attempt(row(kind=RowKind.CLAIM, attempt=2), 1.0) is None


async def test_only_a_claim_can_be_claimed(log: DeliveryLog) -> None:
    with pytest.raises(ValueError, match="no claim"):
        await log.claim_attempt(row(), 1.0)


@pytest.mark.aws
async def test_rows_are_found_by_delivery_user_and_position(
    aws: AwsSession, prefix: str, clock: FakeClock, entropy: FakeEntropy
) -> None:
    log = await _on_aws(aws, prefix, clock, entropy)
    other = row("e2", delivery_id="OTHER", user_id="bob", position="kinesis:events/shardId-2/7:0", at_s=5.0)
    await log.append([row(), other])
    assert await log.rows_by_delivery("OTHER") == [other]
    assert await log.rows_of_user("bob") == [other]
    assert await log.rows_of_user("bob", since_s=6.0) == []
    assert await log.rows_at("kinesis:events/shardId-2", "7:0") == [other]
    assert await log.rows_of_delivery("e1", DELIVERY) == [row()]
    assert await log.rows_of_delivery("e1", "OTHER") == []


@given(left_over=st.lists(st.sets(st.integers(0, 39)), max_size=8))
async def test_only_rows_that_were_left_unprocessed_are_written_again(left_over: list[set[int]]) -> None:
    clock = FakeClock()
    aws = ScriptedAws()
    rows = [row(attempt=number) for number in range(40)]
    written: list[list[int]] = []
    rounds = iter(left_over)

    def batch_write(body: dict[str, Any]) -> dict[str, Any]:
        [(table, requests)] = body["RequestItems"].items()
        numbers = [int(request["PutRequest"]["Item"]["attempt"]["N"]) for request in requests]
        assert len(numbers) <= 25
        assert len(set(numbers)) == len(numbers)
        left = next(rounds, set())
        written.append([number for number in numbers if number not in left])
        unprocessed = [request for request, number in zip(requests, numbers, strict=True) if number in left]
        return {"UnprocessedItems": {table: unprocessed} if unprocessed else {}}

    aws.answers["BatchWriteItem"] = batch_write
    log = DynamoDbDeliveryLog("log", aws.service, clock=clock, entropy=FakeEntropy(), timeout_s=5)
    try:
        await log.append(rows)
    except Throttled:
        assert len(left_over) >= 6
    else:
        assert sorted(number for numbers in written for number in numbers) == list(range(40))


@pytest.mark.parametrize("user_id", ["x" * 3000, "👋" * 600])
async def test_a_user_id_longer_than_an_index_takes_does_not_keep_its_row_out(
    log: DeliveryLog, user_id: str
) -> None:
    await log.append([row(user_id=user_id, kind=RowKind.SUPPRESSED)])
    [found] = await log.rows_of_event("e1")
    assert found.kind is RowKind.SUPPRESSED
    assert user_id.startswith(found.user_id)


@pytest.mark.parametrize("user_id", ["x" * 3000, "👋" * 600, "é" * 1024])
def test_no_user_id_makes_an_item_that_the_index_refuses(user_id: str) -> None:
    made = row(user_id=user_id)
    item = msgspec.to_builtins(item_of(made, made.row))
    assert len(item["user_id"]["S"].encode()) <= 2048
    assert (parse_row(item) == made) == (len(user_id.encode()) <= 2048)


LARGE = {
    "a domain": {"address_hint": "a…@" + "b" * 409_550},
    "a provider's id": {"provider_id": "\u0001" * 1_000_000},
    "what led to it": {"detail": {"category": "news", "setting": ["email"] * 100_000}},
}


def _item_bytes(item: dict[str, dict[str, str]]) -> int:
    return sum(len(name) + len(text.encode()) for name, value in item.items() for text in value.values())


@pytest.mark.parametrize("large", LARGE.values(), ids=LARGE.keys())
async def test_no_row_is_refused_for_its_size_with_all_those_beside_it(large: dict[str, Any]) -> None:
    """DynamoDB refuses the whole call: what waits for its rows would never settle."""
    aws = ScriptedAws()
    rows = [row(attempt=1), row(attempt=2, kind=RowKind.SUPPRESSED, **large), row(attempt=3)]
    written: list[LogRow] = []

    def batch_write(body: dict[str, Any]) -> dict[str, Any]:
        items = [request["PutRequest"]["Item"] for request in body["RequestItems"]["log"]]
        assert max(map(_item_bytes, items)) <= 400 * 1024
        written.extend(map(parse_row, items))
        return {}

    aws.answers["BatchWriteItem"] = batch_write
    log = DynamoDbDeliveryLog("log", aws.service, clock=FakeClock(), entropy=FakeEntropy(), timeout_s=5)
    await log.append(rows)
    assert written[::2] == rows[::2]
    assert (written[1].row, written[1].user_id, written[1].position) == (
        rows[1].row,
        row().user_id,
        row().position,
    )


async def test_no_claim_is_refused_for_its_size() -> None:
    aws = ScriptedAws()

    def put(body: dict[str, Any]) -> dict[str, Any]:
        assert _item_bytes(body["Item"]) <= 400 * 1024
        assert "until_s" in body["Item"]["detail"]["S"]
        return {}

    aws.answers["PutItem"] = put
    log = DynamoDbDeliveryLog("log", aws.service, clock=FakeClock(), entropy=FakeEntropy(), timeout_s=5)
    claim = row(kind=RowKind.CLAIM, detail={"token": "t"}, address_hint="a…@" + "b" * 409_550)
    assert await log.claim_attempt(claim, 5.0) is None


def test_an_event_that_the_log_keeps_is_kept_whole() -> None:
    kept = item_of(
        row("\u0001" * 2048, kind=RowKind.EVENT, detail={"zlib_b85": "~" * 350 * 1024}), "event#0#event"
    )
    assert within_bounds(kept) is kept
