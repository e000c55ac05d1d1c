"""Every state of small cases, on the project's own window, claims, slots and recovery."""

from __future__ import annotations

import pytest

from tests.support.ledger_world import Rules, Walk

CASES = [
    pytest.param(((1, 1, 1),), 1, 1, id="one slot, one fault"),
    pytest.param(((1, 1, 1),), 2, 1, id="two slots, one fault"),
    pytest.param(((2, 1),), 1, 1, id="more deliveries than slots"),
    pytest.param(((2,),), 2, 2, id="fan-out, two faults"),
    pytest.param(((3,),), 1, 1, id="a fan-out of three turns"),
    pytest.param(((1,), (1,)), 1, 1, id="two shards share a slot"),
    pytest.param(((1, 1),), 1, 2, id="two faults"),
    pytest.param(((1, 0, 2),), 2, 1, id="a record that asks for nothing"),
    pytest.param(((2,), (1,)), 2, 1, id="two shards, fan-out, two slots", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("shape", "slots_max", "faults"), CASES)
def test_nothing_is_lost_duplicates_are_bounded_and_nobody_is_stuck(
    shape: tuple[tuple[int, ...], ...], slots_max: int, faults: int
) -> None:
    found = Walk(shape, slots_max=slots_max, faults=faults).run()
    assert found.lost == 0
    assert found.stuck == 0
    assert found.unlisted == 0
    assert found.duplicates[0] == 0
    for used, duplicates in found.duplicates.items():
        assert duplicates <= used * slots_max


BROKEN = [
    pytest.param(Rules(chained=False), ((1, 1, 1),), 1, 2, id="without the chained commit_id"),
    pytest.param(Rules(free_on_acknowledgement=False), ((1,), (1,)), 1, 1, id="slots freed at the row"),
    pytest.param(Rules(ask_the_log=False), ((2,),), 1, 1, id="without the log look-up"),
]


@pytest.mark.parametrize(("rules", "shape", "slots_max", "faults"), BROKEN)
def test_the_walk_notices_a_broken_rule(
    rules: Rules, shape: tuple[tuple[int, ...], ...], slots_max: int, faults: int
) -> None:
    found = Walk(shape, slots_max=slots_max, faults=faults, rules=rules).run()
    beyond = any(duplicates > used * slots_max for used, duplicates in found.duplicates.items())
    assert beyond or found.lost or found.stuck
