"""How fast a core runs is told by how long a piece of work takes on it."""

from __future__ import annotations

import time

from bench.pace import Pace


def test_the_piece_of_work_takes_time_and_nothing_is_known_of_times_to_come() -> None:
    with Pace(None) as pace:
        before_s = time.time_ns() / 1e9
        while not (seen := pace.since(before_s)):
            continue
    assert seen > 0
    assert pace.since(before_s + 1_000) == 0
