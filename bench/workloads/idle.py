"""A thousand shards without an event, then the first ones."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from msgspec.structs import replace

from bench.figures import Figure
from bench.options import Load, Options
from bench.profile import profiling
from bench.workloads.email import EMAIL
from bench.workloads.workload import Contestant

if TYPE_CHECKING:
    from bench.measure import Run

_TAKEN_TIMEOUT_S = 120.0
# Pauses grow by half from 0.2 s to 5 s: nine reads, 15 s.
_REST_S = 20.0
# So far apart that each finds its shard at rest.
_FIRST_EVENTS_PER_S = 4.0
_FIRST_EVENTS = 40


def _rest_then_first(run: Run, load: Load, options: Options) -> list[Figure]:
    run.until("every shard has its owner", lambda: run.shards_taken() == options.shards, _TAKEN_TIMEOUT_S)
    time.sleep(_REST_S)
    with profiling(run.pid, options.profile):
        rest = run.rest("rest", load.paced_s)
    rest_mib = run.rss_mib()
    first = run.paced("first", _FIRST_EVENTS_PER_S, _FIRST_EVENTS / _FIRST_EVENTS_PER_S)
    spent = rest.spent
    return [
        Figure("at rest: CPU, % of a core", 100 * spent.cpu_s / spent.wall_s, ".1f", "≤ 15"),
        Figure("at rest: loop's thread, % of a core", 100 * spent.loop_cpu_s / spent.wall_s, ".1f"),
        Figure("at rest: AWS calls/s", sum(rest.calls.values()) / spent.wall_s, ".1f"),
        *(Figure(f"  {name}", count / spent.wall_s, ".2f") for name, count in rest.calls.items()),
        Figure("at rest: RSS MiB", rest_mib),
        Figure("first events: p50 ms, produced → accepted", first.latency.p50_ms),
        Figure("first events: p99 ms", first.latency.p99_ms),
    ]


IDLE = replace(
    EMAIL,
    name="idle",
    title="1,000 shards without an event, then the first ones",
    contestants=(Contestant.DAEMON,),
    phases=_rest_then_first,
    usual=Options(shards=1_000, paced_s=20.0),
)
