"""What an outage is said to have cost, from what was seen after its end."""

from __future__ import annotations

from tests.faults.bench_ground import Moment, OutagePlan
from tests.faults.outage import outage_of


def test_it_has_recovered_at_the_mail_that_begins_the_first_second_of_the_arriving_rate() -> None:
    """1,000 wait; a trickle from 2.0 s on, the full rate from 4.0 s on."""
    steps = ((0.0, 0), (1.0, 0), (2.0, 5), (3.0, 10), (4.0, 15), (4.5, 215), (5.0, 415), (6.0, 815), (8.0, 1_615))
    seen = [Moment(100 + at_s, 1_000 + int(100 * at_s), taken) for at_s, taken in steps]
    found = outage_of(OutagePlan(rate_per_s=100), seen, moved=0)
    assert (found.backlog, found.sends_again_s, found.recovered_s, found.drained_s) == (1_000, 2.0, 4.0, 8.0)
    assert found.drain_ratio == 2.02


def test_what_never_comes_is_never_recovered() -> None:
    seen = [Moment(float(at_s), 100 * at_s, 0) for at_s in range(5)]
    found = outage_of(OutagePlan(rate_per_s=100), seen, moved=0)
    assert (found.sends_again_s, found.recovered_s, found.drain_ratio) == (None, None, 0)
