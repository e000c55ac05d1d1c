"""Operators' commands on a world that real daemons have worked through."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from notifyd.cli.demo.stage import Stage
from notifyd.sandbox.embedded_aws import EmbeddedAws
from notifyd.sandbox.oracle import read_arrivals
from notifyd.sandbox.world import SourceKind, make_world
from notifyd.system import SystemClock
from tests.e2e.operator_shell import delete_row, delete_shard_item, log_rows, notifyd, put_shard_item, shard_items
from tests.e2e.scenario import Scenario, open_scenario

# What the template of a payment asks for.
_DETAIL = '{"amount": "1.00", "currency": "EUR", "payer": "Shop", "reference": "r"}'

pytestmark = [pytest.mark.aws, pytest.mark.timeout(180)]


@pytest.fixture(params=list(SourceKind))
async def played(
    request: pytest.FixtureRequest, embedded_aws: EmbeddedAws, tmp_path: Path, prefix: str
) -> AsyncIterator[Scenario]:
    """A small world, all of it delivered, its daemon drained."""
    world = make_world(21, 120, request.param)
    async with open_scenario(embedded_aws, tmp_path, prefix=prefix, source=request.param, world=world) as scenario:
        daemon = await scenario.start()
        await scenario.write_events()
        await scenario.settled()
        assert await daemon.drain() == 0
        yield scenario


async def test_an_audit_holds_until_a_row_is_lost_and_then_names_what_is_missing(played: Scenario) -> None:
    stage, expected = played.stage, played.world.account
    report = (audited := await notifyd(stage, "audit", "--json")).json
    assert audited.exit_code == 0, audited
    assert report["residue"] == 0
    assert report["events"]["read"] == expected.events_in
    assert report["events"]["expanded"] == expected.expanded
    assert report["deliveries"]["planned"] == expected.planned
    assert report["deliveries"]["accepted"] == expected.accepted
    assert report["suppressed"] == expected.suppressed

    lost = (await log_rows(stage, "accepted"))[0]
    await delete_row(stage, lost)
    report = (audited := await notifyd(stage, "audit", "--json")).json
    assert audited.exit_code == 1
    assert report["residue"] == 1
    [missing] = report["missing"]
    assert (missing["event_id"], missing["user_id"]) == (lost["event_id"]["S"], lost["user_id"]["S"])

    listed = (await notifyd(stage, "leases", "--json")).json
    assert {lease["state"] for lease in listed["leases"]} <= {"free", "finished"}
    assert listed["damaged"] == []


async def test_a_replay_queues_exactly_what_has_no_final_row(played: Scenario) -> None:
    stage, expected = played.stage, played.world.account
    shadow = await notifyd(stage, "replay", "--from", "1h", "--shadow", "--json")
    assert shadow.exit_code == 0, shadow
    assert (shadow.json["compared"], shadow.json["kinds"]) == (expected.planned, [])
    nothing = await notifyd(stage, "replay", "--from", "1h", "--yes", "--json")
    assert (nothing.json["checked"], nothing.json["queued"]) == (expected.planned, 0)

    lost = (await log_rows(stage, "accepted"))[0]
    suppressed = (await log_rows(stage, "suppressed"))[0]
    for row in (lost, suppressed):
        await delete_row(stage, row)
    shadow = await notifyd(stage, "replay", "--from", "1h", "--shadow", "--json")
    assert shadow.exit_code == 1
    assert [one["recorded"] for one in shadow.json["differing"]] == ["nothing", "nothing"]

    asked = await notifyd(stage, "replay", "--from", "1h")
    assert asked.exit_code == 1, "nobody was there to say yes"
    handed = (await notifyd(stage, "replay", "--from", "1h", "--yes", "--json")).json
    assert (handed["queued"], handed["suppressed"]) == (1, 1)
    assert handed["handed"][0]["delivery_id"] == lost["delivery_id"]["S"]

    await played.start()
    await _until_accepted(stage, lost)
    audited = await notifyd(stage, "audit", "--json")
    assert (audited.exit_code, audited.json["deliveries"]["planned"]) == (0, expected.planned), audited


async def test_an_event_without_any_account_is_found_in_its_table_and_sent(
    embedded_aws: EmbeddedAws, tmp_path: Path, prefix: str
) -> None:
    world = make_world(24, 60, SourceKind.DYNAMODB)
    async with open_scenario(
        embedded_aws, tmp_path, prefix=prefix, source=SourceKind.DYNAMODB, world=world
    ) as scenario:
        stage = scenario.stage
        daemon = await scenario.start()
        await scenario.write_events()
        await scenario.settled()
        stretch = ("--from", "1h", "--to", "0s", "--json")
        whole = await notifyd(stage, "reconcile", *stretch, "--dry-run")
        assert (whole.exit_code, whole.json["found"]["lost"]) == (0, 0), whole
        assert whole.json["found"]["accounted"] == world.account.expanded

        lost = (await log_rows(stage, "accepted"))[0]
        of_event = [
            row
            for kind in ("accepted", "suppressed")
            for row in await log_rows(stage, kind)
            if row["event_id"] == lost["event_id"]
        ]
        for row in of_event:
            await delete_row(stage, row)
        found = await notifyd(stage, "reconcile", *stretch, "--dry-run")
        assert (found.exit_code, found.json["found"]["lost"]) == (1, 1), found
        sent = await notifyd(stage, "reconcile", *stretch, "--yes")
        assert sent.exit_code == 0, sent
        assert lost["delivery_id"]["S"] in [one["delivery_id"] for one in sent.json["resent"]["handed"]]
        await _until_accepted(stage, lost)
        assert (await notifyd(stage, "reconcile", *stretch, "--dry-run")).exit_code == 0
        assert await daemon.drain() == 0


async def _until_accepted(stage: Stage, lost: dict[str, dict[str, Any]]) -> None:
    """Returns when the daemon has brought the delivery to its end."""
    while lost["delivery_id"] not in [row["delivery_id"] for row in await log_rows(stage, "accepted")]:
        await SystemClock().sleep(0.2)


_LONGER = ["without a claim", "of another format", "without an epoch"]


@pytest.mark.parametrize("damage", ["deleted", *(pytest.param(one, marks=pytest.mark.slow) for one in _LONGER)])
async def test_a_repaired_shard_goes_on_with_nothing_lost_and_nothing_sent_twice(
    embedded_aws: EmbeddedAws, tmp_path: Path, prefix: str, damage: str
) -> None:
    source = SourceKind.KINESIS if damage == "of another format" else SourceKind.DYNAMODB
    world = make_world(22, 600, source)
    async with open_scenario(embedded_aws, tmp_path, prefix=prefix, source=source, world=world) as scenario:
        stage = scenario.stage
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


async def test_an_imported_stream_goes_on_behind_the_checkpoints_of_the_kcl_application(
    embedded_aws: EmbeddedAws, tmp_path: Path, prefix: str
) -> None:
    world = make_world(25, 60, SourceKind.KINESIS)
    async with open_scenario(
        embedded_aws, tmp_path, prefix=prefix, source=SourceKind.KINESIS, world=world
    ) as scenario:
        stage = scenario.stage
        await scenario.write_events()
        shard_id, sequences = await _read_stream(stage)
        processed = 20
        await _put_kcl_lease(stage, shard_id, sequences[processed - 1])

        planned = await notifyd(stage, "leases", "import", "--kcl", f"{prefix}-kcl", "--dry-run", "--json")
        assert planned.json == {shard_id: f"{sequences[processed - 1]}:0"}, planned
        assert await shard_items(stage) == []
        taken_over = await notifyd(stage, "leases", "import", "--kcl", f"{prefix}-kcl", "--yes")
        assert taken_over.exit_code == 0, taken_over
        again = await notifyd(stage, "leases", "import", "--kcl", f"{prefix}-kcl", "--yes")
        assert again.exit_code == 78
        assert "notifyd reads this stream already" in again.err

        await scenario.start()
        [lease] = (await notifyd(stage, "leases", "--json")).json["leases"]
        while lease["accounted"]["read"] < len(sequences) - processed:
            [lease] = (await notifyd(stage, "leases", "--json")).json["leases"]
        assert lease["accounted"]["read"] == len(sequences) - processed
        assert lease["claimed"] == f"{sequences[-1]}:0"


async def _read_stream(stage: Stage) -> tuple[str, list[str]]:
    async with stage.client("kinesis") as kinesis:
        name = stage.names.events
        [shard] = (await kinesis.list_shards(StreamName=name))["Shards"]
        iterator = await kinesis.get_shard_iterator(
            StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )
        page = await kinesis.get_records(ShardIterator=iterator["ShardIterator"])
        return shard["ShardId"], [record["SequenceNumber"] for record in page["Records"]]


async def _put_kcl_lease(stage: Stage, shard_id: str, sequence: str) -> None:
    """As KCL 2 and 3 write it."""
    table = f"{stage.names.prefix}-kcl"
    async with stage.client("dynamodb") as dynamodb:
        await dynamodb.create_table(
            TableName=table,
            KeySchema=[{"AttributeName": "leaseKey", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "leaseKey", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        lease = {
            "leaseKey": {"S": shard_id},
            "leaseOwner": {"S": "worker-of-the-application"},
            "leaseCounter": {"N": "1234"},
            "checkpoint": {"S": sequence},
            "checkpointSubSequenceNumber": {"N": "0"},
            "ownerSwitchesSinceCheckpoint": {"N": "0"},
        }
        await dynamodb.put_item(TableName=table, Item=lease)
