"""Operators' commands on a world that real daemons have worked through."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from notifyd.sandbox.embedded_aws import EmbeddedAws
from notifyd.sandbox.world import SourceKind, make_world
from tests.e2e.operator_shell import delete_row, log_rows, notifyd
from tests.e2e.scenario import Scenario, open_scenario

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
