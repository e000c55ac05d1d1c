"""The simulation can fail: without any one of the rules that the promise stands on, some seed shows it."""

from __future__ import annotations

import pytest

from tests.simulation.run import Options, run_seed
from tests.simulation.seeded_bugs import SEEDED_BUGS

_SEEDS_MAX = 60


@pytest.mark.parametrize(
    "rule",
    [pytest.param(rule, marks=[pytest.mark.slow] if bug.is_rare else []) for rule, bug in SEEDED_BUGS.items()],
)
def test_without_one_rule_some_seed_breaks_a_promise_that_holds_with_it(rule: str) -> None:
    bug = SEEDED_BUGS[rule]
    options = Options(groups=bug.groups)
    found = ((seed, run_seed(seed, options, bug.parts).broken) for seed in range(_SEEDS_MAX))
    seed, broken = next(((seed, broken) for seed, broken in found if broken), (None, []))
    assert seed is not None, f"{_SEEDS_MAX} seeds see nothing of it"
    assert not [one for one in broken if " ended by " in one], "a bug of the seeded bug's own"
    assert not run_seed(seed, options).broken
