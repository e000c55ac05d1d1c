"""What a crash costs: nothing lost, no more than slots_max twice, and each of those listed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from notifyd.cli.demo.report import faults
from notifyd.config_sections import LedgerSection
from notifyd.sandbox.embedded_aws import EmbeddedAws
from notifyd.sandbox.world import SourceKind, make_world
from tests.e2e.scenario import open_scenario

# A takeover waits failover_time_s, and the second half of the events is still to come.
pytestmark = [pytest.mark.aws, pytest.mark.timeout(240)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "stand_by"), [(SourceKind.DYNAMODB, False), (SourceKind.KINESIS, True)], ids=["restart", "stand-by"]
)
async def test_a_kill_9_in_mid_stream_loses_nothing_and_lists_what_it_may_have_doubled(
    embedded_aws: EmbeddedAws, tmp_path: Path, prefix: str, source: SourceKind, stand_by: bool
) -> None:
    world = make_world(9, 3000, source)
    async with open_scenario(embedded_aws, tmp_path, prefix=prefix, source=source, world=world) as scenario:
        scenario.slow_down()
        first = await scenario.start()
        if stand_by:
            await scenario.start(until_ready=False)
        writing = asyncio.create_task(scenario.write_events())
        await scenario.until_accepted(len(world.mails) // 3)
        await first.kill()
        assert scenario.stage.sink.inbox.accepted < len(world.mails), "nothing was left to be killed"
        await writing
        if not stand_by:
            await scenario.start(until_ready=False)
        report, finding, rows = await scenario.settled()

    assert [fault for fault in faults(report, world.account, finding) if "duplicates" not in fault] == []
    assert report.duplicates <= LedgerSection().slots_max
    listed = {row.delivery_id for row in rows if row.kind == "possible_duplicate"}
    assert finding.duplicated.keys() <= listed


async def test_a_drain_in_mid_stream_loses_nothing_and_doubles_nothing(
    embedded_aws: EmbeddedAws, tmp_path: Path, prefix: str
) -> None:
    world = make_world(10, 1500, SourceKind.DYNAMODB)
    async with open_scenario(
        embedded_aws, tmp_path, prefix=prefix, source=SourceKind.DYNAMODB, world=world
    ) as scenario:
        first = await scenario.start()
        writing = asyncio.create_task(scenario.write_events())
        await scenario.until_accepted(len(world.mails) // 3)
        assert await first.drain() == 0
        await writing
        await scenario.start()
        report, finding, _ = await scenario.settled()

    assert faults(report, world.account, finding) == []
