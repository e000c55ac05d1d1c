"""Many who want a turn at once get one each, at the rate."""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from hypothesis import given
from hypothesis import strategies as st

from notifyd.core.turns import Turns


@given(st.integers(1, 200), st.sampled_from([0.2, 1.0, 5.0, 40.0]))
def test_each_of_many_gets_his_turn_at_the_rate_and_comes_for_it_few_times(many: int, rate_per_s: float) -> None:
    turns = Turns(rate_per_s, 0.0)
    coming = [0.0] * many
    heapify(coming)
    granted: list[float] = []
    asked = 0
    while coming:
        now_s = heappop(coming)
        asked += 1
        wait_s = turns.take(now_s)
        if wait_s is None:
            granted.append(now_s)
        else:
            heappush(coming, now_s + wait_s + 1e-6)
    burst = max(1.0, rate_per_s)
    for index, at_s in enumerate(granted):
        assert index + 1 <= burst + at_s * rate_per_s + 1e-3
    assert granted[-1] <= (many + 3) / rate_per_s
    assert asked <= 3 * many
