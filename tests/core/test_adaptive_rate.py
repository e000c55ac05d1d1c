from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyd.core.adaptive_rate import AdaptiveRate


def _sent(rates: list[AdaptiveRate], seconds: float, step_s: float = 0.01) -> int:
    """How many tokens they give out together when all of them are asked all the time."""
    sent, now_s = 0, 0.0
    while now_s < seconds:
        for rate in rates:
            while rate.wait_s(now_s) <= 0:
                rate.take(1, now_s)
                sent += 1
        now_s += step_s
    return sent


@pytest.mark.parametrize("workers", [1, 4])
def test_workers_that_share_an_account_together_keep_its_rate_within_two_percent(workers: int) -> None:
    rates = [AdaptiveRate(200.0, 0.0) for _ in range(workers)]
    for rate in rates:
        rate.set_share(1 / workers, 0.0)
    assert _sent(rates, 60.0) == pytest.approx(200 * 60, rel=0.02)


def test_a_throttle_cuts_by_a_third_and_quiet_brings_it_back() -> None:
    rate = AdaptiveRate(90.0, 0.0)
    rate.throttled(10.0)
    assert rate.rate_per_s == pytest.approx(60.0)
    for second in range(11, 32):
        rate.wait_s(float(second))
    assert rate.rate_per_s == pytest.approx(90.0)


def test_throttles_of_one_burst_count_once() -> None:
    rate = AdaptiveRate(90.0, 0.0)
    for thousandth in range(10):
        rate.throttled(10.0 + thousandth / 1000)
    assert rate.rate_per_s == pytest.approx(60.0)


def test_retry_after_holds_everything_for_so_long() -> None:
    rate = AdaptiveRate(None, 0.0)
    assert rate.wait_s(5.0) == 0.0
    rate.throttled(5.0, retry_after_s=30.0)
    assert rate.wait_s(5.0) == pytest.approx(30.0)
    assert rate.wait_s(34.0) == pytest.approx(1.0)


def test_without_a_known_limit_the_first_throttle_sets_one_and_quiet_lifts_it() -> None:
    rate = AdaptiveRate(None, 0.0)
    for tenth in range(50):
        rate.take(30, tenth / 10)
    rate.throttled(5.0)
    assert rate.rate_per_s == pytest.approx(200.0)  # two thirds of the 300 a second that brought the throttle
    for second in range(6, 90):
        rate.wait_s(float(second))
    assert rate.rate_per_s is None


@given(st.lists(st.tuples(st.floats(0, 5), st.booleans()), max_size=60))
def test_it_never_stands_still_for_good_nor_passes_its_share(steps: list[tuple[float, bool]]) -> None:
    rate, now_s = AdaptiveRate(50.0, 0.0), 0.0
    rate.set_share(0.5, 0.0)
    for passed_s, throttled in steps:
        now_s += passed_s
        if throttled:
            rate.throttled(now_s)
        rate.wait_s(now_s)
        assert rate.rate_per_s is not None
        assert 0 < rate.rate_per_s <= 25.0


def test_when_a_limit_becomes_known_it_counts() -> None:
    rate = AdaptiveRate(None, 0.0)
    rate.set_limit(14.0, 1.0)
    rate.set_share(0.25, 1.0)
    assert rate.rate_per_s == pytest.approx(3.5)
    assert rate.state(1.0).limit_per_s == 14.0


def test_a_limit_that_becomes_known_is_kept_whatever_quiet_had_raised_the_guess_to() -> None:
    rate = AdaptiveRate(None, 0.0)
    rate.take(100, 1.0)
    rate.throttled(2.0)
    for second in range(3, 50):
        rate.wait_s(float(second))
    rate.set_limit(10.0, 50.0)
    assert rate.rate_per_s == pytest.approx(10.0)
