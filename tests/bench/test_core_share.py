"""A part of a core for each worker, by whichever control groups the machine has."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.core_share import limited_to, limits
from bench.processes import BenchFailed


def test_the_quota_of_version_1_is_the_share_of_its_period(tmp_path: Path) -> None:
    assert limits(0.7, tmp_path) == (
        tmp_path / "cpu",
        {"cpu.cfs_period_us": "10000", "cpu.cfs_quota_us": "7000"},
    )


def test_version_2_takes_both_in_one_file(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").touch()
    assert limits(1.4, tmp_path) == (tmp_path, {"cpu.max": "14000 10000"})


def test_a_machine_that_lets_nobody_limit_says_what_it_takes(tmp_path: Path) -> None:
    with pytest.raises(BenchFailed, match="it takes root"), limited_to(0.5, tmp_path):
        pass
