"""Shards whose items were lost or damaged, repaired under real daemons."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from notifyd.cli.demo.stage import Stage
from notifyd.sandbox.embedded_aws import EmbeddedAws
from notifyd.sandbox.oracle import read_arrivals
from notifyd.sandbox.world import SourceKind, make_world
from tests.e2e.operator_shell import delete_shard_item, log_rows, notifyd, put_shard_item, shard_items
from tests.e2e.scenario import open_scenario

pytestmark = [pytest.mark.aws, pytest.mark.timeout(180)]

# What the template of a payment asks for.
_DETAIL = '{"amount": "1.00", "currency": "EUR", "payer": "Shop", "reference": "r"}'

_LONGER = ["without a claim", "of another format", "without an epoch"]


@pytest.mark.parametrize("damage", ["deleted", *(pytest.param(one, marks=pytest.mark.slow) for one in _LONGER)])
async def test_a_repaired_shard_goes_on_with_nothing_lost_and_nothing_sent_twice(
    embedded_aws: EmbeddedAws, tmp_path: Path, prefix: str, damage: str
) -> None:
    source = SourceKind.KINESIS if damage == "of another format" else SourceKind.DYNAMODB
    world = make_world(22, 600, source)
    async with open_scenario(embedded_aws, tmp_path, prefix=prefix, source=source, world=world) as scenario:
        stage = scenario.stage
        scenario.slow_down()
        first = await scenario.start()
        writing = asyncio.create_task(scenario.write_events())
        await scenario.until_accepted(len(world.mails) // 3)
        assert await first.drain() == 0
        await writing
        for item in await shard_items(stage):
            await _damage(stage, item, damage)

        repaired = await notifyd(stage, "leases", "repair", "--all", "--yes", "--json")
        assert repaired.exit_code == 0, repaired
        assert len(repaired.json["repairs"]) == len(await shard_items(stage)) > 0
        assert (await notifyd(stage, "leases", "--json")).json["damaged"] == []
        again = await notifyd(stage, "leases", "repair", "--all", "--yes", "--json")
        assert again.json["repairs"] == []

        await scenario.start()
        report, finding, _ = await scenario.settled()
        assert (report.lost, report.duplicates) == (0, 0)
        assert not finding.unexpected
        audited = await notifyd(stage, "audit", "--json")
        assert (audited.exit_code, audited.json["residue"]) == (0, 0), audited


async def _damage(stage: Stage, item: dict[str, dict[str, Any]], damage: str) -> None:
    match damage:
        case "deleted":
            await delete_shard_item(stage, item)
        case "without a claim":
            await put_shard_item(stage, {name: value for name, value in item.items() if name != "claimed"})
        case "of another format":
            await put_shard_item(stage, item | {"format": {"N": "99"}})
        case "without an epoch":
            await put_shard_item(stage, item | {"epoch": {"S": "one"}, "accounted": {"S": ""}})


@pytest.mark.slow
async def test_a_running_daemon_goes_on_with_a_shard_whose_item_was_deleted_and_made_anew(
    embedded_aws: EmbeddedAws, tmp_path: Path, prefix: str
) -> None:
    world = make_world(26, 60, SourceKind.DYNAMODB)
    async with open_scenario(
        embedded_aws, tmp_path, prefix=prefix, source=SourceKind.DYNAMODB, world=world
    ) as scenario:
        stage = scenario.stage
        await scenario.start()
        await scenario.write_events()
        await scenario.settled()
        for item in await shard_items(stage):
            await delete_shard_item(stage, item)
        # The daemon may mark the shard as lost while the repair looks at it, which then says so.
        while (await notifyd(stage, "leases", "repair", "--all", "--yes")).exit_code:
            await scenario.clock.sleep(1.0)

        # Somebody who gets payment mails gets one more.
        known = next(
            row for row in await log_rows(stage, "accepted") if row["type_name"]["S"] == "payment_received"
        )
        sent = await notifyd(
            stage,
            *("send", "--source", "payment_request_event", "--type", "payment_notification_email"),
            *("--user", known["user_id"]["S"], "--id", "event-9999999", "--detail", _DETAIL),
        )
        assert sent.exit_code == 0, sent
        while "event-9999999" not in [row["event_id"]["S"] for row in await log_rows(stage, "accepted")]:
            await scenario.clock.sleep(0.2)
        arrived = [arrival.delivery_id for arrival in read_arrivals(stage.journal)]
        assert len(arrived) == len(set(arrived)) == len(world.mails) + 1
        audited = await notifyd(stage, "audit", "--json")
        assert (audited.exit_code, audited.json["residue"]) == (0, 0), audited


@pytest.mark.slow
async def test_a_shard_repaired_after_a_kill_9_sends_twice_only_what_it_lists(
    embedded_aws: EmbeddedAws, tmp_path: Path, prefix: str
) -> None:
    world = make_world(27, 2000, SourceKind.KINESIS)
    async with open_scenario(
        embedded_aws, tmp_path, prefix=prefix, source=SourceKind.KINESIS, world=world
    ) as scenario:
        stage = scenario.stage
        scenario.slow_down()
        first = await scenario.start()
        writing = asyncio.create_task(scenario.write_events())
        await scenario.until_accepted(len(world.mails) // 3)
        await first.kill()
        await writing
        assert stage.sink.inbox.accepted < len(world.mails), "nothing was left to be killed"
        for item in await shard_items(stage):
            await delete_shard_item(stage, item)
        assert (await notifyd(stage, "leases", "repair", "--all", "--yes")).exit_code == 0
        await scenario.start()
        report, finding, rows = await scenario.settled()
        assert (report.lost, finding.unexpected) == (0, [])
        listed = {row.delivery_id for row in rows if row.kind == "possible_duplicate"}
        assert finding.duplicated.keys() <= listed
        audited = await notifyd(stage, "audit", "--json")
        assert (audited.exit_code, audited.json["possible_duplicates_count"]) == (0, len(listed)), audited
        assert finding.duplicates < len(listed) < len(world.mails)


@pytest.mark.slow
async def test_a_repair_leaves_alone_what_a_live_worker_may_own(
    embedded_aws: EmbeddedAws, tmp_path: Path, prefix: str
) -> None:
    world = make_world(23, 40, SourceKind.KINESIS)
    async with open_scenario(
        embedded_aws, tmp_path, prefix=prefix, source=SourceKind.KINESIS, world=world
    ) as scenario:
        await scenario.start()
        await scenario.write_events()
        await scenario.settled()
        [item] = await shard_items(scenario.stage)
        await put_shard_item(scenario.stage, item | {"format": {"N": "99"}})
        refused = await notifyd(scenario.stage, "leases", "repair", "--all", "--yes")
        assert refused.exit_code == 1
        assert "is alive and may own it; stop that worker first" in refused.err
        assert (await shard_items(scenario.stage))[0]["format"] == {"N": "99"}
