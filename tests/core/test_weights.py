from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyd.core.weights import Weights

NAMES = ("a", "b", "c")
_RESTING = st.dictionaries(st.sampled_from(NAMES), st.floats(0, 100), min_size=1).filter(
    lambda weights: sum(weights.values()) > 0.01
)


@given(_RESTING, st.lists(st.tuples(st.sampled_from(NAMES), st.floats(0, 900))))
def test_shares_stay_shares_whatever_fails(resting: dict[str, float], faults: list[tuple[str, float]]) -> None:
    weights, now_s = Weights(resting, 0.0), 0.0
    for name, passed_s in faults:
        now_s += passed_s
        weights.drift(now_s)
        if name in resting:
            weights.move_from(name, now_s)
        assert sum(weights.current.values()) == pytest.approx(1.0)
        assert all(-1e-9 <= share <= 1 + 1e-9 for share in weights.current.values())


@given(_RESTING, st.lists(st.sampled_from(NAMES), max_size=5))
def test_the_configured_shares_are_back_thirty_minutes_after_a_fault(
    resting: dict[str, float], faults: list[str]
) -> None:
    weights, now_s = Weights(resting, 0.0), 0.0
    for name in faults:
        now_s += 300.0
        if name in resting:
            weights.move_from(name, now_s)
    for _ in range(6):
        now_s += 300.0
        weights.drift(now_s)
    assert weights.current == pytest.approx(weights.resting)


def test_a_fault_moves_ten_points_and_at_most_once_in_five_minutes() -> None:
    weights = Weights({"a": 80, "b": 20}, 0.0)
    assert weights.move_from("a", 10.0)
    assert not weights.move_from("a", 200.0)
    assert weights.current == pytest.approx({"a": 0.7, "b": 0.3})
    assert weights.move_from("a", 310.0)
    assert weights.current == pytest.approx({"a": 0.6, "b": 0.4})


def test_what_moves_goes_to_the_others_by_their_shares() -> None:
    weights = Weights({"a": 50, "b": 40, "c": 10}, 0.0)
    weights.move_from("a", 0.0)
    assert weights.current == pytest.approx({"a": 0.4, "b": 0.48, "c": 0.12})


def test_the_only_provider_keeps_all() -> None:
    weights = Weights({"a": 3}, 0.0)
    assert not weights.move_from("a", 0.0)
    assert weights.choose(["a"], 0.99) == "a"


def test_a_choice_follows_the_shares_among_those_able() -> None:
    weights = Weights({"a": 60, "b": 30, "c": 10}, 0.0)
    fractions = [(index + 0.5) / 1000 for index in range(1000)]
    picked = [weights.choose(NAMES, fraction) for fraction in fractions]
    assert [picked.count(name) for name in NAMES] == [600, 300, 100]
    picked = [weights.choose(["b", "c"], fraction) for fraction in fractions]
    assert [picked.count(name) for name in NAMES] == [0, 750, 250]
    assert weights.choose([], 0.5) is None


def test_a_provider_of_no_weight_is_chosen_where_nobody_else_is_able() -> None:
    weights = Weights({"a": 1, "b": 0}, 0.0)
    assert {weights.choose(NAMES, index / 10) for index in range(10)} == {"a"}
    assert weights.choose(["b"], 0.5) == "b"
