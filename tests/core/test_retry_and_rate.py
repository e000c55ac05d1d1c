"""When a delivery is tried again, and how fast deliveries go out."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from notifyd.core.rate import TokenBucket
from notifyd.core.retry import Ending, RetryPolicy, next_attempt_at_s

POLICIES = st.builds(RetryPolicy, st.integers(1, 50), st.floats(0.1, 10), st.floats(10, 900))
FRACTIONS = st.floats(0, 1, exclude_max=True)


@given(POLICIES, st.integers(0, 60), FRACTIONS, st.floats(0, 1e5), st.none() | st.floats(0, 1e5))
def test_nothing_is_tried_after_its_deadline_or_after_its_last_attempt(
    policy: RetryPolicy, made: int, fraction: float, left_s: float, retry_after_s: float | None
) -> None:
    now_s = 1_700_000_000.0
    at = next_attempt_at_s(
        policy,
        attempts_made=made,
        now_s=now_s,
        deadline_at_s=now_s + left_s,
        fraction=fraction,
        retry_after_s=retry_after_s,
    )
    if made >= policy.attempts_max:
        assert at is Ending.ATTEMPTS
    elif isinstance(at, Ending):
        assert at is Ending.DEADLINE
        assert left_s <= max(policy.backoff_max_s, retry_after_s or 0) + 1e-6
    else:
        assert now_s <= at < now_s + left_s
        if retry_after_s is not None:
            assert at == now_s + retry_after_s
        else:
            assert at - now_s <= min(policy.backoff_max_s, policy.backoff_base_s * 2.0**made) + 1e-6


@given(POLICIES, st.integers(1, 40))
def test_the_ceiling_doubles_up_to_its_most(policy: RetryPolicy, made: int) -> None:
    assume(made < policy.attempts_max)
    at = next_attempt_at_s(policy, attempts_made=made, now_s=0.0, deadline_at_s=1e9, fraction=1.0)
    assert at == min(policy.backoff_max_s, policy.backoff_base_s * 2.0 ** min(made - 1, 30))


@given(
    st.floats(0.5, 1_000),
    st.floats(1, 100),
    st.lists(st.tuples(st.integers(1, 50), st.floats(0, 3)), min_size=1, max_size=60),
)
def test_no_stretch_of_time_gets_more_than_the_rate_and_one_burst(
    rate_per_s: float, burst: float, asks: list[tuple[int, float]]
) -> None:
    bucket = TokenBucket(rate_per_s, burst, now_s=0.0)
    now_s = 0.0
    grants: list[tuple[float, int]] = []
    for tokens, pause_s in asks:
        now_s += pause_s
        wait_s = bucket.take(tokens, now_s)
        grants.append((now_s + wait_s, tokens))
        now_s += wait_s
    for first in range(len(grants)):
        total = 0
        for at_s, tokens in grants[first:]:
            total += tokens
            assert total <= burst + grants[first][1] + rate_per_s * (at_s - grants[first][0]) + 1e-6


@given(st.floats(0.5, 1_000), st.floats(1, 100), st.integers(1, 200))
def test_the_rate_is_used_up(rate_per_s: float, burst: float, tokens: int) -> None:
    bucket = TokenBucket(rate_per_s, burst, now_s=0.0)
    now_s = 0.0
    for _ in range(tokens):
        now_s += bucket.take(1.0, now_s)
    assert now_s <= tokens / rate_per_s + 1e-6


@given(st.floats(1, 100), st.floats(1, 100))
def test_a_changed_rate_saves_up_no_more_than_its_burst(first_per_s: float, second_per_s: float) -> None:
    bucket = TokenBucket(first_per_s, burst=100.0, now_s=0.0)
    bucket.set_rate(second_per_s, burst=2.0, now_s=1.0)
    assert bucket.take(2.0, 1_000.0) == 0
    assert bucket.take(1.0, 1_000.0) > 0
