"""What a report of the bench says of one event, by source."""

from __future__ import annotations

from statistics import median

import msgspec

from bench.measure import SATURATED
from bench.report import Entry, Report
from bench.workloads.workload import Contestant


class Measured(msgspec.Struct, frozen=True):
    """Of one source. `saturated_per_core_s`: events; the rest at `rate_per_s`, on `shards`, by one worker.

    `calls` and `units`: of one event, by AWS's name and by table.
    """

    source: str
    event_bytes: int
    shards: int
    rate_per_s: float
    saturated_per_core_s: float
    cpu_us: float
    rss_max_mib: float
    calls: dict[str, float]
    units: dict[str, float]

    @property
    def paced_per_core_s(self) -> float:
        return 1e6 / self.cpu_us


def measured_of(report: Report) -> list[Measured]:
    """Of the daemon's entries. Raises ValueError where a rate was not held or nothing was saturated."""
    return [_measured(report, entry) for entry in report.entries if entry.contestant is Contestant.DAEMON]


def _measured(report: Report, entry: Entry) -> Measured:
    saturated = [one.windows[SATURATED] for one in entry.rounds if SATURATED in one.windows]
    paced = [window for one in entry.rounds for name, window in one.windows.items() if name != SATURATED]
    if not saturated or not paced:
        raise ValueError(
            f"{entry.source}: takes a saturated part and one at a rate; {report.command} had not both"
        )
    return Measured(
        source=entry.source,
        event_bytes=report.event_bytes,
        shards=report.shards,
        rate_per_s=median(window.events_per_s for window in paced),
        saturated_per_core_s=median(window.events_per_core_s for window in saturated),
        cpu_us=median(window.cpu_us_an_event for window in paced),
        rss_max_mib=max(one.rss_max_mib for one in entry.rounds),
        calls=_medians([window.calls_an_event for window in paced]),
        units=_medians([window.units_an_event for window in paced]),
    )


def _medians(windows: list[dict[str, float]]) -> dict[str, float]:
    names = sorted({name for window in windows for name in window})
    return {name: median(window.get(name, 0.0) for window in windows) for name in names}
