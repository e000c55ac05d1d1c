"""`init` and `check` against the embedded AWS."""

from __future__ import annotations

from typing import Any

import pytest

from notifyd.aws.blueprint import Blueprint, blueprint
from notifyd.aws.checks import check_resources
from notifyd.aws.resources import Made, create_resources
from notifyd.aws.session import AwsSession
from notifyd.core.channel import Channel
from notifyd.core.filter_criteria import SourceKind
from notifyd.names import LogIndex, Names
from notifyd.system import SystemClock, SystemEntropy
from notifyd.wire.credentials import Credentials

pytestmark = pytest.mark.aws
Sources = list[tuple[SourceKind, str]]


@pytest.fixture
def sources(prefix: str) -> Sources:
    return [(SourceKind.DYNAMODB, f"{prefix}-events"), (SourceKind.KINESIS, f"{prefix}-events")]


def plan_of(prefix: str, sources: Sources, indexes: tuple[LogIndex, ...] = (LogIndex.USER,)) -> Blueprint:
    return blueprint(
        Names(prefix),
        sources=sources,
        channels=[Channel.EMAIL],
        log_indexes=indexes,
        visibility_s=60,
        topic=f"{prefix}-alerts",
    )


@pytest.fixture
def plan(prefix: str, sources: Sources) -> Blueprint:
    return plan_of(prefix, sources)


async def init(aws: AwsSession, plan: Blueprint) -> list[Made]:
    return [made async for made in create_resources(aws, plan, SystemClock(), deadline_s=20)]


async def whats(aws: AwsSession, plan: Blueprint, sources: Sources) -> list[str]:
    return [f"{fault.where}: {fault.what}" for fault in await check_resources(aws, plan, sources)]


async def test_init_makes_everything_that_check_asks_for(
    aws: AwsSession, plan: Blueprint, sources: Sources, prefix: str
) -> None:
    made = await init(aws, plan)
    assert all(one.created for one in made)
    assert {one.name for one in made} == {
        *(f"{prefix}-{name}" for name in ("events", "contacts", "settings", "leases", "control", "log", "alerts")),
        *(f"{prefix}-{name}" for name in ("retry-email", "dlq-email", "dlq-events")),
    }
    assert await check_resources(aws, plan, sources) == []


async def test_a_second_init_changes_nothing(aws: AwsSession, plan: Blueprint, sources: Sources) -> None:
    first = await init(aws, plan)
    second = await init(aws, plan)
    assert [(one.kind, one.name) for one in second] == [(one.kind, one.name) for one in first]
    assert not any(one.created for one in second)
    assert await check_resources(aws, plan, sources) == []


async def test_an_index_configured_later_is_added(
    aws: AwsSession, plan: Blueprint, sources: Sources, prefix: str
) -> None:
    await init(aws, plan)
    wider = plan_of(prefix, sources, tuple(LogIndex))
    assert await whats(aws, wider, sources) == [
        f"table {prefix}-log: has no index by_delivery",
        f"table {prefix}-log: has no index by_position",
    ]
    added = [one.name for one in await init(aws, wider) if one.created]
    assert added == [f"{prefix}-log/by_delivery", f"{prefix}-log/by_position"]
    assert await check_resources(aws, wider, sources) == []


async def test_check_names_everything_that_is_missing(
    aws: AwsSession, plan: Blueprint, sources: Sources, prefix: str
) -> None:
    faults = await check_resources(aws, plan, sources)
    missing = {fault.where for fault in faults if fault.what == "does not exist"}
    assert missing == {
        *(f"table {prefix}-{name}" for name in ("events", "contacts", "settings", "leases", "control", "log")),
        *(f"queue {prefix}-{name}" for name in ("retry-email", "dlq-email", "dlq-events")),
        f"stream {prefix}-events",
        f"topic {prefix}-alerts",
    }
    assert {fault.mend for fault in faults} == {"run `notifyd init`"}


async def test_check_finds_a_wrong_key_and_init_leaves_it_alone(
    aws: AwsSession, plan: Blueprint, sources: Sources, prefix: str
) -> None:
    await _table(aws, f"{prefix}-leases", "lease")
    await init(aws, plan)
    assert await whats(aws, plan, sources) == [f"table {prefix}-leases: its key is lease (S)"]


@pytest.mark.parametrize("view_type", ["KEYS_ONLY", "OLD_IMAGE"])
async def test_check_finds_a_view_type_without_new_images(
    aws: AwsSession, plan: Blueprint, prefix: str, view_type: str
) -> None:
    await init(aws, plan)
    stream = {"StreamEnabled": True, "StreamViewType": view_type}
    await _table(aws, f"{prefix}-orders", "id", StreamSpecification=stream)
    assert await whats(aws, plan, [(SourceKind.DYNAMODB, f"{prefix}-orders")]) == [
        f"table {prefix}-orders: its stream's view type is {view_type}"
    ]


async def test_check_finds_a_source_without_stream_and_one_that_is_not_there(
    aws: AwsSession, plan: Blueprint, prefix: str
) -> None:
    await init(aws, plan)
    await _table(aws, f"{prefix}-orders", "id")
    foreign = [
        (SourceKind.DYNAMODB, f"{prefix}-orders"),
        (SourceKind.DYNAMODB, f"{prefix}-none"),
        (SourceKind.KINESIS, f"{prefix}-none"),
    ]
    assert await whats(aws, plan, foreign) == [
        f"table {prefix}-orders: is a source and has no stream",
        f"table {prefix}-none: is a source and does not exist",
        f"stream {prefix}-none: does not exist",
    ]


async def test_init_gives_an_events_table_of_ours_the_stream_that_it_lacks(
    aws: AwsSession, plan: Blueprint, sources: Sources, prefix: str
) -> None:
    await _table(aws, f"{prefix}-events", "id")
    await init(aws, plan)
    assert await check_resources(aws, plan, sources) == []


async def test_check_finds_a_retry_queue_without_its_dead_letter_queue(
    aws: AwsSession, plan: Blueprint, sources: Sources, prefix: str
) -> None:
    async with aws.client("sqs") as sqs:
        await sqs.create_queue(QueueName=f"{prefix}-retry-email")
    await init(aws, plan)
    assert await whats(aws, plan, sources) == [f"queue {prefix}-retry-email: has no redrive policy"]


async def test_check_finds_a_queue_that_takes_less_than_a_message_may_hold(
    aws: AwsSession, plan: Blueprint, sources: Sources, prefix: str
) -> None:
    """As queues of before August 2025 do, and Terraform's."""
    async with aws.client("sqs") as sqs:
        await sqs.create_queue(QueueName=f"{prefix}-dlq-email", Attributes={"MaximumMessageSize": "262144"})
    await init(aws, plan)
    [fault] = await check_resources(aws, plan, sources)
    assert fault.where == f"queue {prefix}-dlq-email"
    assert "over 262144 bytes" in fault.what
    assert fault.mend == "set its MaximumMessageSize to 1048576"


async def test_without_an_answer_from_aws_check_says_so_once(plan: Blueprint, sources: Sources) -> None:
    nobody = AwsSession(
        "us-east-1",
        clock=SystemClock(),
        entropy=SystemEntropy(),
        endpoint_url="http://127.0.0.1:1",
        static=Credentials("AKIDNOBODY", "secret"),
    )
    async with nobody:
        faults = await check_resources(nobody, plan, sources)
    assert [fault.where for fault in faults] == ["AWS credentials"]


async def _table(aws: AwsSession, name: str, key: str, **more: Any) -> None:
    async with aws.client("dynamodb") as dynamodb:
        await dynamodb.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            **more,
        )
