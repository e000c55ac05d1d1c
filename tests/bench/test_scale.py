"""What several workers are held against, and that one admin port speaks for them."""

from __future__ import annotations

import pytest

from bench.admin import accepted_of
from bench.scale import Worked, report_of, room


def _worked(workers: int, events_per_core_s: float, events_per_s: float, *, counted: int = 100) -> Worked:
    return Worked(
        workers=workers,
        shards=[10] * workers,
        events_per_core_s=events_per_core_s,
        events_per_s=events_per_s,
        servers_share=0.25,
        produced=100,
        accepted=100,
        counted=counted,
    )


@pytest.mark.parametrize(
    ("workers", "cores", "servers_share", "times"),
    [(2, 2, 0.0, 2.0), (2, 2, 0.25, 1.6), (2, 4, 0.25, 2.0), (4, 4, 1.0, 2.0)],
)
def test_there_is_room_for_workers_where_source_and_sinks_leave_it(
    workers: int, cores: int, servers_share: float, times: float
) -> None:
    assert room(workers, cores, servers_share) == times


def test_workers_held_to_a_share_of_a_core_have_room_beside_source_and_sinks() -> None:
    assert room(2, 2, 0.25, core_share=0.7) == 2.0
    assert room(4, 2, 0.25, core_share=0.5) == 3.2


def test_medians_of_several_workers_are_held_against_those_of_one() -> None:
    ones = [_worked(1, 10_000, 9_000), _worked(1, 8_000, 7_000), _worked(1, 9_000, 8_000)]
    twos = [_worked(2, 8_100, 12_000), _worked(2, 9_000, 1_000), _worked(2, 1_000, 16_000)]
    report = report_of("bench", 2, 0.1, [*ones, *twos])
    assert (report.efficiency, report.by_the_clock, report.room) == (0.9, 1.5, 1.6)
    assert report.is_kept


def test_a_worker_that_the_merged_metrics_leave_out_breaks_it() -> None:
    assert not report_of("bench", 2, 0.1, [_worked(1, 1, 1), _worked(2, 1, 1, counted=50)]).is_kept


def test_only_accepted_deliveries_are_counted() -> None:
    lines = [
        "# TYPE notifyd_deliveries_total counter",
        'notifyd_deliveries_total{channel="email",provider="ses",outcome="accepted",reason=""} 40.0',
        'notifyd_deliveries_total{channel="push_ios",provider="apns",outcome="accepted",reason=""} 2.0',
        'notifyd_deliveries_total{channel="email",provider="ses",outcome="deferred",reason="throttled"} 7.0',
        "# TYPE notifyd_deliveries_planned_total counter",
        'notifyd_deliveries_planned_total{channel="email"} 49.0',
    ]
    assert accepted_of("\n".join(lines) + "\n") == 42
