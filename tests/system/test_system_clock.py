"""Elapsed time counts suspends and stops, and only ever goes forward."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyd.system import SystemClock, SystemEntropy


class Machine:
    """Its two clocks, as a test moves them."""

    def __init__(self) -> None:
        self.since_boot_s = 1000.0
        self.epoch_s = 1_700_000_000.0

    def clock(self) -> SystemClock:
        return SystemClock(lambda: self.since_boot_s, lambda: self.epoch_s)

    def pass_s(self, seconds: float) -> None:
        self.since_boot_s += seconds
        self.epoch_s += seconds


def test_time_that_only_the_wall_clock_saw_has_elapsed() -> None:
    machine = Machine()
    clock = machine.clock()
    before_s = clock.elapsed_s()
    machine.pass_s(1)
    machine.epoch_s += 20  # the machine was stopped from outside, and its clock then set
    assert clock.elapsed_s() - before_s == pytest.approx(21)


def test_time_that_a_suspend_took_counts_once() -> None:
    machine = Machine()
    clock = machine.clock()
    before_s = clock.elapsed_s()
    machine.pass_s(3600)
    assert clock.elapsed_s() - before_s == pytest.approx(3600)


def test_a_wall_clock_set_back_takes_nothing_away_and_hides_no_later_jump() -> None:
    machine = Machine()
    clock = machine.clock()
    before_s = clock.elapsed_s()
    machine.epoch_s -= 3600
    machine.pass_s(5)
    assert clock.elapsed_s() - before_s == pytest.approx(5)
    machine.epoch_s += 20
    assert clock.elapsed_s() - before_s == pytest.approx(25)


def test_reading_the_clocks_a_moment_apart_adds_up_to_nothing() -> None:
    machine = Machine()
    clock = machine.clock()
    before_s = clock.elapsed_s()
    for turn in range(10_000):
        machine.pass_s(0.001)
        machine.epoch_s += 0.0005 if turn % 2 else -0.0005
        clock.elapsed_s()
    assert clock.elapsed_s() - before_s == pytest.approx(10, abs=0.1)


@given(steps=st.lists(st.tuples(st.floats(0, 1e6), st.floats(-1e6, 1e6)), max_size=50))
def test_elapsed_time_never_goes_back_and_never_falls_behind_the_time_since_boot(
    steps: list[tuple[float, float]],
) -> None:
    machine = Machine()
    clock = machine.clock()
    start_s = last_s = clock.elapsed_s()
    passed_s = 0.0
    for seconds, set_by_s in steps:
        machine.pass_s(seconds)
        machine.epoch_s += set_by_s
        passed_s += seconds
        now_s = clock.elapsed_s()
        assert now_s >= last_s
        assert now_s - start_s >= passed_s - 0.001
        last_s = now_s


async def test_the_machines_own_clock_goes_on_while_we_sleep() -> None:
    clock = SystemClock()
    before_s = clock.elapsed_s()
    await clock.sleep(0.01)
    assert clock.elapsed_s() - before_s >= 0.009


def test_tokens_are_26_characters_and_fractions_stay_below_one() -> None:
    entropy = SystemEntropy()
    tokens = {entropy.token() for _ in range(1000)}
    assert len(tokens) == 1000
    assert {len(token) for token in tokens} == {26}
    assert all(0 <= entropy.fraction() < 1 for _ in range(1000))
