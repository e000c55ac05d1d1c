"""The bound on what a typical kill doubles."""

from __future__ import annotations

import pytest

from tests.faults.kill import Kill, median_promise
from tests.faults.plan import Plan


@pytest.mark.parametrize(("duplicates", "kept"), [(45, True), (46, False)])
def test_the_median_is_held_against_the_load_at_the_kills(duplicates: int, kept: bool) -> None:
    """200 mails/s and 50 ms: 1.5 × 200 × 0.15 = 45."""
    kills = [_kill(200, duplicates), _kill(200, 0), _kill(190, 4_000), _kill(210, duplicates), _kill(200, 90)]
    promise = median_promise(Plan(latency_s=0.05), kills)
    assert (promise.value, promise.at_most, promise.is_kept) == (duplicates, 45, kept)


def _kill(rate_per_s: float, duplicates: int) -> Kill:
    return Kill("replica-1", 2, False, 0.0, 0, rate_per_s, takeover_s=16.0, duplicates=duplicates)
