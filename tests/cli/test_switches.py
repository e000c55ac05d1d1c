"""Switching providers and types from the command line, as the control table then says it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from notifyd.sandbox.embedded_aws import EmbeddedAws

pytestmark = pytest.mark.aws

CONFIG = """
prefix: {prefix}
sources: [{{kind: kinesis}}]
channels: {{email: {{providers: {{ses: 70, smtp: 30}}}}}}
providers:
  ses: {{sender: "Shop <shop@{prefix}.example>"}}
  smtp: {{base_url: "smtp://127.0.0.1:2525", sender: a@b.example}}
identity: {{keys: [{{version: "1", secret: env:KEY}}]}}
catalog: {catalog}
"""
CATALOG = Path(__file__).parents[2] / "config" / "notifications.yaml"
Shell = Callable[..., tuple[int, str, str]]


@pytest.fixture
def shell(embedded_aws: EmbeddedAws, tmp_path: Path, prefix: str) -> Shell:
    config = tmp_path / "notifyd.yaml"
    config.write_text(CONFIG.format(prefix=prefix, catalog=CATALOG))
    environ = {
        "PATH": "/usr/bin:/bin",
        "AWS_ENDPOINT_URL": embedded_aws.url,
        "AWS_REGION": embedded_aws.region,
        "AWS_ACCESS_KEY_ID": embedded_aws.access_key,
        "AWS_SECRET_ACCESS_KEY": embedded_aws.secret_key,
        "KEY": "a key that is long enough",
    }

    def run(*args: str) -> tuple[int, str, str]:
        done = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-m", "notifyd", *args, "-c", str(config)],
            env=environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    return run


def _providers(shell: Shell) -> dict[str, dict[str, Any]]:
    code, out, error = shell("providers", "--json")
    assert code == 0, error
    return {one["provider"]: one for one in json.loads(out)["providers"]}


def test_what_is_switched_stands_in_the_listing(shell: Shell) -> None:
    assert shell("init")[0] == 0
    assert shell("providers", "disable", "smtp")[0] == 0
    found = _providers(shell)
    assert {name: one["switch"] for name, one in found.items()} == {"ses": "enabled", "smtp": "disabled"}
    assert (found["ses"]["resting_weight"], found["ses"]["workers"]) == (0.7, 0)
    assert shell("providers", "drain", "ses")[0] == 0
    assert shell("providers", "enable", "smtp")[0] == 0
    assert {name: one["switch"] for name, one in _providers(shell).items()} == {
        "ses": "draining",
        "smtp": "enabled",
    }

    assert shell("types", "pause", "weekly_summary")[0] == 0
    paused = {one["type"]: one["paused"] for one in json.loads(shell("types", "--json")[1])["types"]}
    assert paused == {"payment_received": False, "weekly_summary": True}
    assert shell("types", "resume", "weekly_summary")[0] == 0
    assert "paused" not in shell("types")[1]


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("providers", "disable", "sees"), "sees: is no provider of any channel; name one of ses, smtp"),
        (("types", "pause", "weekly"), "name one of payment_received, weekly_summary"),
    ],
)
def test_a_name_that_nobody_knows_is_refused_with_those_there_are(
    shell: Shell, args: tuple[str, ...], says: str
) -> None:
    code, out, error = shell(*args)
    assert (code, out) == (78, "")
    assert says in error
