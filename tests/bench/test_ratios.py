"""The regression guard's judgement."""

from __future__ import annotations

import pytest

from bench.ratios import MOVES_MAX, STORE_COMMAND, Ratio, judge


def _ratio(*rounds: float) -> Ratio:
    return Ratio.of(rounds)


def test_of_five_rounds_the_median_counts_whatever_one_of_them_was() -> None:
    assert _ratio(4.1, 4.0, 0.5, 4.2, 40.0).median == 4.1


@pytest.mark.parametrize(
    ("now", "broken", "words"),
    [
        (4.0, False, "4.00 → 4.00 (+0%)"),
        (4.0 * (1 - MOVES_MAX), False, "4.00 → 3.00 (-25%)"),
        (2.9, True, "4.00 → 2.90 (-28%): fell by more than 25%"),
        (4.0 * (1 + MOVES_MAX), False, "4.00 → 5.00 (+25%)"),
        (5.2, False, f"4.00 → 5.20 (+30%): rose by more than 25%; store it anew: `{STORE_COMMAND}`"),
    ],
)
def test_a_fall_beyond_a_quarter_breaks_it_and_a_rise_only_speaks(now: float, broken: bool, words: str) -> None:
    (finding,) = judge({"email from kinesis": _ratio(now)}, {"email from kinesis": _ratio(4.0)})
    assert finding.is_broken is broken
    assert str(finding) == f"email from kinesis: events per CPU second, daemon over batched peer, {words}"


def test_without_a_stored_ratio_it_is_broken_and_names_the_mend() -> None:
    (finding,) = judge({"email from kinesis": _ratio(4.0)}, {})
    assert finding.is_broken
    assert STORE_COMMAND in str(finding)


def test_what_this_machine_cannot_measure_is_not_judged() -> None:
    assert judge({}, {"push-rate from kinesis": _ratio(6.0)}) == []
