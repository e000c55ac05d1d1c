"""When the shards of a worker are read: together, spread out, never too seldom."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyd.core.steps import Steps

INTERVAL_S = 0.2
SHARDS = 20


def paced(steps: Steps, *, records: int, laps: int) -> list[list[float]]:
    """When each shard was read, `records` at a time, once all had begun at odd times."""
    places = [steps.join() for _ in range(SHARDS)]
    reads = [[0.011 * place] for place in places]
    for _ in range(laps * SHARDS):
        place = min(places, key=lambda place: reads[place][-1])
        at_s = reads[place][-1]
        steps.came(records, at_s)
        reads[place].append(steps.next_at_s(place, at_s, INTERVAL_S))
    return [of_shard[-5:] for of_shard in reads]


def instants(reads: list[list[float]], steps: Steps) -> Counter[float]:
    return Counter(round(at_s / steps.step_s % 1, 3) % 1 for of_shard in reads for at_s in of_shard)


def test_shards_that_bring_little_are_read_at_the_same_instant() -> None:
    steps = Steps(INTERVAL_S)
    assert len(instants(paced(steps, records=10, laps=20), steps)) == 1


def test_shards_that_bring_much_are_spread_evenly_over_the_step() -> None:
    steps = Steps(INTERVAL_S)
    spread = instants(paced(steps, records=100, laps=20), steps)
    assert steps.instants == 8
    assert len(spread) == 8
    assert max(spread.values()) - min(spread.values()) <= 5


def test_what_was_spread_out_comes_together_again_once_it_is_calm() -> None:
    steps = Steps(INTERVAL_S)
    paced(steps, records=200, laps=20)
    assert steps.instants > 1
    for step in range(100, 110):
        steps.came(5, step * steps.step_s)
    assert steps.instants == 1


def test_one_calm_step_moves_nobody() -> None:
    steps = Steps(INTERVAL_S)
    for step in range(1, 20):
        steps.came(1_500, step * steps.step_s)
    assert steps.instants == 4
    steps.came(0, 20 * steps.step_s)
    steps.came(0, 21 * steps.step_s)
    assert steps.instants == 4


def test_steps_are_longer_where_shards_bring_a_handful_each() -> None:
    steps = Steps(INTERVAL_S)
    usual_s = steps.step_s
    assert len(instants(paced(steps, records=10, laps=20), steps)) == 1
    assert steps.step_s == usual_s * 1.5


def test_many_shards_that_bring_a_handful_each_take_longer_steps_and_several_instants() -> None:
    steps = Steps(INTERVAL_S)
    usual_s = steps.step_s
    at_s = 0.0
    for _ in range(20_000):
        steps.came(3, at_s)
        at_s += steps.step_s / 200
    assert steps.step_s == usual_s * 1.5
    assert steps.instants > 1


@pytest.mark.parametrize("records", [0, 4, 25, 100])
def test_steps_are_as_long_as_they_are_asked_to_be_where_little_or_more_comes(records: int) -> None:
    steps = Steps(INTERVAL_S)
    usual_s = steps.step_s
    paced(steps, records=records, laps=20)
    assert steps.step_s == usual_s


@given(records=st.integers(0, 100))
def test_under_a_steady_load_steps_and_instants_stay_as_they_are(records: int) -> None:
    steps = Steps(INTERVAL_S)
    seen = set()
    at_s = 0.0
    for number in range(4_000):
        # What comes in a second is the same, however often it is read.
        steps.came(round(records * steps.step_s / INTERVAL_S), at_s)
        at_s += steps.step_s / SHARDS
        if number > 2_000:
            seen.add((steps.step_s, steps.instants))
    assert len(seen) == 1


def test_an_answer_that_comes_after_those_of_the_next_step_changes_nothing() -> None:
    steps = Steps(INTERVAL_S)
    for step in range(50):
        steps.came(100, (step + 1) * steps.step_s)
        steps.came(100, step * steps.step_s)
    assert steps.instants == 1


def test_a_shard_keeps_its_rhythm_although_its_reads_set_out_late() -> None:
    steps = Steps(INTERVAL_S)
    place = steps.join()
    at_s = steps.next_at_s(place, 0.0, INTERVAL_S)
    for _ in range(10):
        late_s = at_s + INTERVAL_S / 3
        following_s = steps.next_at_s(place, late_s, INTERVAL_S)
        assert abs(following_s - at_s - steps.step_s) < 1e-9
        at_s = following_s


def test_idle_shards_share_the_steps_of_their_pause() -> None:
    steps = Steps(INTERVAL_S)
    places = [steps.join() for _ in range(1_000)]
    reads = Counter(round(steps.next_at_s(place, 0.0, 5.0), 6) for place in places)
    assert len(reads) == 24
    assert max(reads.values()) <= 42


@given(
    place=st.integers(0, 1_000),
    records=st.integers(0, 20_000),
    began_at_s=st.floats(0.0, 1e6),
    pause_s=st.floats(INTERVAL_S, 10.0),
)
def test_the_next_read_is_never_much_later_than_its_pause(
    place: int, records: int, began_at_s: float, pause_s: float
) -> None:
    steps = Steps(INTERVAL_S)
    steps.came(records, 0.0)
    steps.came(records, steps.step_s)
    wait_s = steps.next_at_s(place, began_at_s, pause_s) - began_at_s
    assert steps.step_s / 2 - 1e-6 <= wait_s <= pause_s + steps.step_s + 1e-6


@given(place=st.integers(0, 100), began_at_s=st.floats(0.0, 1e6), pause_s=st.floats(1.0, 10.0))
def test_a_shard_that_stays_idle_is_read_once_a_pause(place: int, began_at_s: float, pause_s: float) -> None:
    steps = Steps(INTERVAL_S)
    first_s = steps.next_at_s(place, began_at_s, pause_s)
    second_s = steps.next_at_s(place, first_s, pause_s)
    assert abs(second_s - first_s - pause_s) <= steps.step_s / 2 + 1e-6
