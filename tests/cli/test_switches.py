"""Switching providers and types from the command line, as the control table then says it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from notifyd.sandbox.embedded_aws import EmbeddedAws
from tests.cli.shell import Shell, write_config

pytestmark = pytest.mark.aws


@pytest.fixture
def shell(embedded_aws: EmbeddedAws, tmp_path: Path, prefix: str) -> Shell:
    return Shell(embedded_aws, write_config(tmp_path, prefix))


async def _providers(shell: Shell) -> dict[str, dict[str, Any]]:
    code, out, error = await shell("providers", "--json")
    assert code == 0, error
    return {one["provider"]: one for one in json.loads(out)["providers"]}


async def test_what_is_switched_stands_in_the_listing(shell: Shell) -> None:
    assert (await shell("init"))[0] == 0
    assert (await shell("providers", "disable", "smtp"))[0] == 0
    found = await _providers(shell)
    assert {name: one["switch"] for name, one in found.items()} == {"ses": "enabled", "smtp": "disabled"}
    assert (found["ses"]["resting_weight"], found["ses"]["workers"]) == (0.7, 0)
    assert (await shell("providers", "drain", "ses"))[0] == 0
    assert (await shell("providers", "enable", "smtp"))[0] == 0
    assert {name: one["switch"] for name, one in (await _providers(shell)).items()} == {
        "ses": "draining",
        "smtp": "enabled",
    }

    assert (await shell("types", "pause", "weekly_summary"))[0] == 0
    paused = {one["type"]: one["paused"] for one in json.loads((await shell("types", "--json"))[1])["types"]}
    assert [name for name, is_paused in paused.items() if is_paused] == ["weekly_summary"]
    assert "payment_received" in paused
    code, _, error = await shell("types", "resume", "weekly_summary")
    assert code == 0, error
    assert "paused" not in (await shell("types"))[1]


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("providers", "disable", "sees"), "sees: is no provider of any channel; name one of ses, smtp"),
        (("types", "pause", "weekly"), "name one of payment_received, weekly_summary"),
    ],
)
async def test_a_name_that_nobody_knows_is_refused_with_those_there_are(
    shell: Shell, args: tuple[str, ...], says: str
) -> None:
    code, out, error = await shell(*args)
    assert (code, out) == (78, "")
    assert says in error
