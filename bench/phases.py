"""The usual phases of a measurement: as fast as it goes, then at a set rate. A workload may have its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.figures import Figure, paced_figures, saturated_figures
from bench.options import Load, Options
from bench.profile import profiling

if TYPE_CHECKING:
    from bench.measure import Run


def saturated_then_paced(run: Run, load: Load, options: Options) -> list[Figure]:
    run.fill(load.warm)
    with profiling(run.pid, options.profile):
        figures = saturated_figures(run.saturated(load.events))
    if load.rate_per_s:
        run.wake(options.shards)
        figures += paced_figures("paced", run.paced("paced", load.rate_per_s, load.paced_s))
    return figures
