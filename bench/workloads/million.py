"""A million users, calmly and in a burst: what the process holds in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from bench.figures import Figure, paced_figures
from bench.options import Load, Options
from bench.workloads.email import EMAIL
from bench.workloads.workload import Contestant

if TYPE_CHECKING:
    from bench.measure import Run

_BURST = 10
_AIM = "≤ 300"


def _calm_then_burst(run: Run, load: Load, options: Options) -> list[Figure]:
    run.fill(load.warm)
    run.wake(options.shards)
    calm = run.paced("calm", load.rate_per_s, load.paced_s)
    calm_mib = run.rss_max_mib()
    burst = run.paced("burst", _BURST * load.rate_per_s, load.paced_s)
    return [
        *paced_figures("calm", calm),
        Figure("calm: RSS MiB, most so far", calm_mib, aim=_AIM),
        *paced_figures("burst", burst),
        Figure("burst: RSS MiB, most so far", run.rss_max_mib(), aim=_AIM),
        Figure("afterwards: RSS MiB", run.rss_mib()),
    ]


MILLION = replace(
    EMAIL,
    name="million",
    title="A million users, 1,000 events/s and a burst of ten times as many",
    contestants=(Contestant.DAEMON,),
    phases=_calm_then_burst,
    usual=Options(events=20_000, users=1_000_000, rate_per_s=1_000.0, paced_s=20.0),
)
