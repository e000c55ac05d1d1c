"""Which source `notifyd leases import` writes for."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from notifyd.cli.leases.kcl import source_section
from notifyd.core.filter_criteria import SourceKind
from tests.support.config_file import load

BOTH = "sources: [{kind: kinesis}, {kind: dynamodb}, {kind: kinesis, name: orders}]"


@pytest.mark.parametrize(
    ("named", "index"),
    [(None, 0), ("kinesis:notifyd-events", 0), ("dynamodb:notifyd-events", 1), ("orders", 2)],
)
def test_a_table_and_a_stream_of_one_name_are_told_apart(tmp_path: Path, named: str | None, index: int) -> None:
    config = load(tmp_path, sources=BOTH)
    assert source_section(config, named) is config.sources[index]


@pytest.mark.parametrize("named", ["notifyd-events", "other"])
def test_a_name_of_two_sources_or_of_none_is_a_wrong_call(tmp_path: Path, named: str) -> None:
    with pytest.raises(click.UsageError, match=r"has kinesis:notifyd-events, dynamodb:notifyd-events"):
        source_section(load(tmp_path, sources=BOTH), named)


def test_a_single_source_is_the_first(tmp_path: Path) -> None:
    assert source_section(load(tmp_path), None).kind is SourceKind.DYNAMODB
