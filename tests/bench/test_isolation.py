"""What the isolation bench counts; how long things take is for a quiet machine to say."""

from __future__ import annotations

import pytest

from bench.isolation import MOVES_MAX, Report, Round, measure
from bench.options import Options, choose_cores


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_every_mail_comes_once_while_apns_hangs() -> None:
    hanging = measure(Options(shards=4, rate_per_s=200, paced_s=3), choose_cores(), hangs=True)
    assert (hanging.mails, hanging.lost, hanging.duplicates) == (600, 0, 0)
    assert hanging.queued > 0


def _round(**changes: int) -> Round:
    values = {"mails": 10, "lost": 0, "duplicates": 0, "queued": 10, **changes}
    return Round(hangs=True, p50_ms=1.0, p99_ms=2.0, **values)


@pytest.mark.parametrize(
    ("moves", "changes", "is_kept"),
    [
        (0.0, {}, True),
        (MOVES_MAX, {}, False),
        (0.0, {"lost": 1}, False),
        (0.0, {"duplicates": 1}, False),
        (0.0, {"queued": 0}, False),
    ],
)
def test_the_promise_is_broken_by_slower_mails_by_lost_or_doubled_ones_and_where_nothing_hung(
    moves: float, changes: dict[str, int], is_kept: bool
) -> None:
    assert Report("", 0.0, moves, [_round(), _round(**changes)]).is_kept is is_kept
