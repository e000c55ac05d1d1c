"""A group's rate kept by several workers, each with nothing but its clock."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from notifyd.core.time_slots import Part, slot_wait_s

WALL_S = st.floats(min_value=1.6e9, max_value=2e9)
RATES = st.floats(min_value=0.02, max_value=2.0)
# Of a float at such a time: a hundred times what it can tell apart.
_EXACT_S = 2e-5


@given(
    workers=st.integers(2, 8),
    rate_per_s=RATES,
    wall_s=WALL_S,
    tries=st.lists(st.tuples(st.integers(0, 7), st.floats(0, 10)), min_size=2, max_size=40),
)
def test_no_two_workers_send_to_a_group_nearer_than_its_period(
    workers: int, rate_per_s: float, wall_s: float, tries: list[tuple[int, float]]
) -> None:
    sent = []
    for number, periods in tries:
        part, at_s = Part(number % workers, workers), wall_s + periods / rate_per_s
        sent.append((at_s + slot_wait_s(part, rate_per_s, at_s), part.rank))
    for (early_s, one), (late_s, other) in pairwise(sorted(sent)):
        assert one == other or late_s - early_s >= 1 / rate_per_s - _EXACT_S


@given(workers=st.integers(2, 8), rate_per_s=RATES, wall_s=WALL_S)
def test_every_workers_turn_comes_within_a_round(workers: int, rate_per_s: float, wall_s: float) -> None:
    waits = [slot_wait_s(Part(rank, workers), rate_per_s, wall_s) for rank in range(workers)]
    assert max(waits) <= 1.25 * workers / rate_per_s
    assert sum(wait_s == 0 for wait_s in waits) <= 1


@given(wall_s=WALL_S, rate_per_s=st.floats(min_value=0.02, max_value=1000))
def test_a_worker_alone_and_a_rate_that_can_be_shared_wait_for_no_turn(wall_s: float, rate_per_s: float) -> None:
    assert slot_wait_s(Part(), rate_per_s, wall_s) == 0
    assert slot_wait_s(Part(1, 3), 2.1 + rate_per_s, wall_s) == 0
