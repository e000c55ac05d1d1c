"""Each workload runs to its end and counts right, small; what it costs is for a quiet machine to say."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from bench.contestants import SourceKind, start
from bench.measure import Run
from bench.options import Load, Options, choose_cores
from bench.setup import surroundings
from bench.workloads import WORKLOADS
from bench.workloads.workload import Contestant

_SMALL = Options(events=1_500, shards=4, users=500, rate_per_s=300.0, paced_s=2.0)


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("name", "changes", "figure"),
    [
        ("daily", {}, "events/s a core (events / CPU s)"),
        ("hot-shard", {"hot_percent": 90}, "events/s a core (events / CPU s)"),
        ("latency", {}, "held: p50 ms, produced → accepted"),
        ("rates", {"rate_per_s": 1_000.0}, "most over least, %"),
        ("million", {"users": 1_000_000, "rate_per_s": 100.0}, "burst: RSS MiB, most so far"),
        ("catch-up", {}, "drained, times the arriving rate"),
        ("idle", {"shards": 40}, "at rest: AWS calls/s"),
    ],
)
def test_it_counts_right_and_has_its_figure(
    name: str, changes: dict[str, float], figure: str, tmp_path: Path
) -> None:
    workload, options, cores = WORKLOADS[name], replace(_SMALL, **changes), choose_cores()
    with (
        surroundings(workload, options, cores, tmp_path) as around,
        start(Contestant.DAEMON, SourceKind.KINESIS, around, cores) as process,
    ):
        load = Load(100, options.events, options.rate_per_s, options.paced_s)
        seen = Run(process, around, SourceKind.KINESIS).measure(load)
    counts = (seen.lost, seen.duplicates, seen.bad_ids, seen.log_rows_missing, seen.exit_code)
    assert counts == (0, 0, 0, 0, 0)
    assert seen.expected.deliveries > 0
    assert (seen.expected.suppressed > 0) == (name == "daily")
    assert next(one.value for one in seen.figures if one.title == figure) > 0
