"""One suite over the control table in memory and on DynamoDB's API."""

from __future__ import annotations

import asyncio

import pytest

from notifyd.aws.blueprint import Table
from notifyd.aws.control_table import DynamoDbControlTable
from notifyd.aws.session import AwsSession
from notifyd.aws.tables import create_table
from notifyd.core.channel import Channel
from notifyd.core.provider_standing import Seen
from notifyd.core.switches import ProviderSwitch, Switches
from tests.fakes.control_table import FakeControlTable

Control = FakeControlTable | DynamoDbControlTable
REPORT = Seen(
    provider="ses",
    channel=Channel.EMAIL,
    breaker="closed",
    weight=0.6,
    resting_weight=0.7,
    rate_per_s=25.0,
    limit_per_s=None,
    answers_per_s=12.5,
    errors=3,
    errors_max=50,
)


@pytest.fixture(params=["memory", pytest.param("aws", marks=pytest.mark.aws)])
def behind(request: pytest.FixtureRequest) -> AwsSession | None:
    session: AwsSession | None = request.getfixturevalue("aws") if request.param == "aws" else None
    return session


@pytest.fixture
async def control(behind: AwsSession | None, prefix: str) -> Control:
    if behind is None:
        return FakeControlTable()
    async with behind.client("dynamodb") as dynamodb:
        await create_table(dynamodb, Table(prefix, (("key", "S"),)))
    return DynamoDbControlTable(prefix, await behind.lean("dynamodb"), timeout_s=5)


async def test_before_anybody_switched_all_is_enabled(control: Control) -> None:
    switches = await control.switches()
    assert switches == Switches()
    assert switches.of("ses") is ProviderSwitch.ENABLED


async def test_the_last_switch_of_a_provider_stands(control: Control) -> None:
    await control.switch("ses", ProviderSwitch.DISABLED)
    await control.switch("smtp", ProviderSwitch.DRAINING)
    assert (await control.switches()).providers == {
        "ses": ProviderSwitch.DISABLED,
        "smtp": ProviderSwitch.DRAINING,
    }
    await control.switch("ses", ProviderSwitch.DRAINING)
    await control.switch("smtp", ProviderSwitch.DISABLED)
    assert (await control.switches()).providers == {
        "ses": ProviderSwitch.DRAINING,
        "smtp": ProviderSwitch.DISABLED,
    }
    await control.switch("ses", ProviderSwitch.ENABLED)
    await control.switch("smtp", ProviderSwitch.ENABLED)
    assert await control.switches() == Switches()


async def test_people_who_switch_at_the_same_time_undo_nothing_of_each_other(control: Control) -> None:
    names = [f"type-{number}" for number in range(8)]
    await asyncio.gather(*map(control.pause, names), control.switch("ses", ProviderSwitch.DISABLED))
    switches = await control.switches()
    assert switches.paused_types == frozenset(names)
    await asyncio.gather(*map(control.resume, names[1:]))
    assert await control.switches() == Switches({"ses": ProviderSwitch.DISABLED}, frozenset(names[:1]))


async def test_a_workers_last_report_is_read_back_whole(control: Control) -> None:
    await control.report("ann", 1_700_000_000.125, [])
    await control.report("ann", 1_700_000_010.125, [REPORT])
    await control.report("bob", 1_700_000_011.0, [REPORT])
    await control.pause("first")
    reports = {report.worker_id: report for report in await control.reports()}
    assert reports.keys() == {"ann", "bob"}
    assert reports["ann"].at_s == 1_700_000_010.125
    assert reports["ann"].providers == [REPORT]
