"""Seeds of `make sim`: the daemon's own code, several workers, faults of every kind."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.simulation.faults import Group
from tests.simulation.run import Options, run_seed

SEEDS = 30
_GROUPS = 10


@pytest.mark.parametrize("group", range(_GROUPS))
def test_whatever_goes_wrong_nothing_is_lost_and_duplicates_are_bounded_and_listed(group: int) -> None:
    for seed in range(group, SEEDS, _GROUPS):
        result = run_seed(seed)
        assert not result.broken, f"make sim SEED={seed}\n" + "\n".join([*result.tail, *result.broken])


def test_without_a_fault_nothing_is_sent_twice() -> None:
    result = run_seed(0, Options(records=5_000, lasts_s=60.0, groups=()))
    assert not result.broken
    assert result.duplicates == 0
    assert result.sent > 5_000


def test_a_restart_of_every_worker_costs_no_duplicate() -> None:
    for seed in range(5):
        result = run_seed(seed, Options(groups=(Group.RESTART,)))
        assert not result.broken, result.broken
        assert result.duplicates == 0


def test_a_seed_replays_exactly_whatever_the_process_and_its_hashes() -> None:
    seeds = range(3)
    here = [run_seed(seed).digest for seed in seeds]
    again = [run_seed(seed).digest for seed in reversed(seeds)]
    program = (
        f"from tests.simulation.run import run_seed; print([run_seed(s).digest for s in range({len(seeds)})])"
    )
    elsewhere = subprocess.run(  # noqa: S603 - itself
        [sys.executable, "-c", program],
        env={"PYTHONHASHSEED": "77", "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=True,
    )
    assert here == again[::-1]
    assert str(here) == elsewhere.stdout.strip()
