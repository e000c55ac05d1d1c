"""`notifyd demo` as a person runs it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import msgspec
import pytest

from notifyd.cli.demo.report import Report
from notifyd.sandbox.world import SourceKind, make_world

_CHECKOUT = Path(__file__).parents[2]


@pytest.mark.aws
@pytest.mark.timeout(120)
@pytest.mark.parametrize("source", SourceKind)
async def test_it_ends_with_an_account_without_residue(source: SourceKind) -> None:
    options = ["--source", source.value, "--events", "200", "--once", "--json"]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "notifyd", "demo", *options),
        cwd=_CHECKOUT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, said = await process.communicate()
    assert process.returncode == 0, said.decode()
    (line,) = out.splitlines()
    report = msgspec.json.decode(line, type=Report)
    expected = make_world(1, 200, source).account
    assert (report.residue, report.lost, report.duplicates) == (0, 0, 0)
    assert (report.events_in, report.accepted, report.suppressed) == (200, expected.accepted, expected.suppressed)
    assert 0 < report.p50_ms <= report.p99_ms
    assert "Subject: " in said.decode()
