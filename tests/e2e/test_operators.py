"""Operators' commands on a world that real daemons have worked through."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from notifyd.cli.demo.stage import Stage
from notifyd.sandbox.embedded_aws import EmbeddedAws
from notifyd.sandbox.world import SourceKind, make_world
from notifyd.system import SystemClock
from tests.e2e.operator_shell import delete_row, log_rows, notifyd, shard_items
from tests.e2e.scenario import Scenario, open_scenario

pytestmark = [pytest.mark.aws, pytest.mark.timeout(180)]


@pytest.fixture(params=[SourceKind.KINESIS, pytest.param(SourceKind.DYNAMODB, marks=pytest.mark.slow)])
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
    assert lost["delivery_id"]["S"] in asked.out
    asked = await notifyd(stage, "replay", "--from", "1h", "--json")
    assert (asked.exit_code, asked.out) == (1, ""), "a program reads one object or none"
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
        asked = await notifyd(stage, "reconcile", *stretch)
        assert (asked.exit_code, asked.out) == (1, ""), "a program reads one object or none"
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
