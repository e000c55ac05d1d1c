"""How long mails take at a rate that is to be held."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from bench.figures import Figure, paced_figures
from bench.options import Load, Options
from bench.profile import profiling
from bench.workloads.email import EMAIL
from bench.workloads.workload import Contestant

if TYPE_CHECKING:
    from bench.measure import Run


def _at_the_rate(run: Run, load: Load, options: Options) -> list[Figure]:
    run.fill(load.warm)
    run.wake(options.shards)
    with profiling(run.pid, options.profile):
        window = run.paced("held", load.rate_per_s, load.paced_s)
    return [
        Figure("arriving, events/s", load.rate_per_s),
        *paced_figures("held", window, p50_aim="≤ 200", p99_aim="≤ 500"),
    ]


LATENCY = replace(
    EMAIL,
    name="latency",
    title="Mails at 10,000 events/s, SES answers after 50 ms",
    contestants=(Contestant.DAEMON,),
    phases=_at_the_rate,
    usual=Options(rate_per_s=10_000.0),
)
