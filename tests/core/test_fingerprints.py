"""What was met within the window is always told; what was not, seldom."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyd.core.fingerprints import Fingerprints

WINDOW_S = 90.0
_STEPS = st.lists(
    st.tuples(
        st.floats(0.0, 40.0), st.floats(-5.0, 40.0), st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=4)
    ),
    max_size=30,
)


@given(_STEPS)
def test_an_id_met_within_the_window_by_clock_or_by_arrivals_is_always_told(
    steps: list[tuple[float, float, list[str]]],
) -> None:
    fingerprints = Fingerprints(window_s=WINDOW_S, bytes_max=4_096)
    met_at: dict[str, tuple[float, float]] = {}
    now_s, arrival_s = 5.0, 1_000.0
    for pause_s, later_s, event_ids in steps:
        now_s += pause_s
        arrival_s += later_s
        told = fingerprints.note(event_ids, now_s, arrival_s)
        for event_id, was_met in zip(event_ids, told, strict=True):
            then_s, arrived_s = met_at.get(event_id, (-1e9, -1e9))
            if now_s - then_s <= WINDOW_S or arrival_s - arrived_s <= WINDOW_S:
                assert was_met
            met_at[event_id] = now_s, arrival_s


def test_an_id_is_forgotten_once_clock_and_arrivals_went_on_by_a_window_and_a_third() -> None:
    fingerprints = Fingerprints(window_s=WINDOW_S, bytes_max=1 << 16)
    assert fingerprints.note(["a"], 0.0, 0.0) == [False]
    for third in range(1, 4):
        fingerprints.note([], third * WINDOW_S / 3, third * WINDOW_S / 3)
    assert fingerprints.note(["a"], WINDOW_S * 4 / 3, WINDOW_S * 4 / 3) == [False]


def test_an_id_is_told_that_stands_twice_in_one_call() -> None:
    assert Fingerprints(window_s=WINDOW_S, bytes_max=4_096).note(["a", "b", "a"], 0.0, 0.0) == [False, False, True]


# 1/64 of 16 MiB, with 1/64 of the ids that 900 s bring at so many a second.
@pytest.mark.parametrize(("per_s", "share_max"), [(2_000, 0.002), (5_000, 0.015), (10_000, 0.07)])
def test_new_ids_are_taken_for_known_ones_as_seldom_as_the_bytes_allow(per_s: int, share_max: float) -> None:
    fingerprints = Fingerprints(window_s=900.0, bytes_max=(16 << 20) // 64)
    count = 0
    for at_s in range(0, 1_200, 100):
        known = [f"known-{count + number}" for number in range(per_s * 100 // 64)]
        fingerprints.note(known, float(at_s), float(at_s))
        count += len(known)
    told = fingerprints.note([f"new-{number}" for number in range(5_000)], 1_199.0, 1_199.0)
    assert sum(told) / len(told) < share_max


def test_ids_that_no_utf_8_can_hold_are_ids_too() -> None:
    assert Fingerprints(window_s=WINDOW_S, bytes_max=4_096).note(["\ud800", "\ud800"], 0.0, 0.0) == [False, True]


@pytest.mark.parametrize(("window_s", "bytes_max"), [(0.0, 4_096), (90.0, 31)])
def test_a_window_without_time_or_room_is_refused(window_s: float, bytes_max: int) -> None:
    with pytest.raises(ValueError, match="bytes_max"):
        Fingerprints(window_s=window_s, bytes_max=bytes_max)
