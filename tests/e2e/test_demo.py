"""`notifyd demo` as a person runs it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import msgspec
import pytest

from notifyd.cli.demo.outage import OutageReport
from notifyd.cli.demo.report import Report
from notifyd.cli.exit_codes import INTERNAL
from notifyd.sandbox.population import CHANNELS
from notifyd.sandbox.world import SourceKind, make_world

_CHECKOUT = Path(__file__).parents[2]


pytestmark = [pytest.mark.aws, pytest.mark.timeout(180)]


async def _demo(*options: str) -> tuple[Report, str]:
    """Its report, and what it showed beside it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "notifyd", "demo", *options, "--once", "--json"),
        cwd=_CHECKOUT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, said = await process.communicate()
    assert process.returncode == 0, said.decode()
    (line,) = out.splitlines()
    return msgspec.json.decode(line, type=Report), said.decode()


@pytest.mark.parametrize("source", SourceKind)
async def test_it_ends_with_an_account_without_residue(source: SourceKind) -> None:
    report, said = await _demo("--source", source.value, "--events", "200")
    expected = make_world(1, 200, source).account
    assert (report.residue, report.lost, report.duplicates) == (0, 0, 0)
    assert (report.events_in, report.accepted, report.suppressed) == (200, expected.accepted, expected.suppressed)
    assert 0 < report.p50_ms <= report.p99_ms
    assert report.channels is msgspec.UNSET
    assert "Subject: " in said


async def test_every_channel_ends_with_what_the_generator_expects() -> None:
    report, said = await _demo("--channels", "all", "--events", "120")
    assert (report.residue, report.lost, report.duplicates) == (0, 0, 0)
    assert isinstance(report.channels, dict)
    assert tuple(report.channels) == CHANNELS
    assert min(one.accepted for one in report.channels.values()) > 0
    assert report.rejected == sum(one.rejected for one in report.channels.values()) > 0
    assert {(one.waiting, one.dead) for one in report.channels.values()} == {(0, 0)}
    for provider in ("twilio", "apns", "fcm", "web_push", "slack", "webhook"):
        assert provider in said


@pytest.mark.slow
async def test_while_a_provider_is_down_the_other_one_takes_over_and_nothing_is_lost() -> None:
    report, _ = await _demo("--channels", "all", "--events", "1200", "--outage", "ses")
    assert (report.residue, report.lost, report.duplicates) == (0, 0, 0)
    assert isinstance(report.outage, OutageReport)
    taken = {one.provider: one.taken for one in report.outage.providers}
    assert report.outage.refused > 0
    assert taken["ses"] == 0
    assert taken["sendgrid"] > 0


async def test_an_outage_of_a_provider_that_is_not_there_is_refused() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "notifyd", "demo", "--channels", "all", "--outage", "pigeons"),
        cwd=_CHECKOUT,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    assert process.returncode == 2
    assert b"sendgrid" in said


async def test_what_keeps_it_from_starting_is_told_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "notifications.yaml").write_text("types: nothing")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "notifyd", "demo", "--config-folder", str(tmp_path)),
        cwd=_CHECKOUT,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    assert process.returncode == INTERNAL, said.decode()
    assert b"notifications.yaml" in said
    assert b"Traceback" not in said
