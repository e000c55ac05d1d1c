"""What an event costs at a low rate, at higher ones, and as fast as it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from bench.figures import Figure, saturated_figures
from bench.options import Load, Options
from bench.profile import profiling
from bench.workloads.email import EMAIL
from bench.workloads.workload import Contestant

if TYPE_CHECKING:
    from bench.measure import Run

_RATES_PER_S = (1_000.0, 2_500.0, 5_000.0, 7_500.0)


def _rate_by_rate(run: Run, load: Load, options: Options) -> list[Figure]:
    run.fill(load.warm)
    for rate_per_s in (rate for rate in _RATES_PER_S if rate <= load.rate_per_s):
        run.wake(options.shards)
        run.paced(f"{rate_per_s:,.0f}/s", rate_per_s, load.paced_s)
    with profiling(run.pid, options.profile):
        saturated = run.saturated(load.events)
    figures = []
    for name, window in run.windows.items():
        figures.append(Figure(f"{name}: CPU µs an event, all threads", window.cpu_us_an_event, ".1f"))
        figures.append(Figure(f"{name}: CPU µs an event, loop's thread", window.loop_cpu_us_an_event, ".1f"))
        figures.append(Figure(f"{name}: the fixed piece of work, µs", 1e6 * window.spent.piece_s, ".0f"))
        figures.append(
            Figure(f"{name}: AWS calls per 100 events", 100 * sum(window.calls_an_event.values()), ".1f")
        )
    costs = [window.cpu_us_an_event for window in run.windows.values()]
    spread = Figure("most over least, %", 100 * (max(costs) / min(costs) - 1), ".0f", "≤ 15")
    return [*figures, spread, *saturated_figures(saturated)]


RATES = replace(
    EMAIL,
    name="rates",
    title="What a mail costs, by the rate at which they come",
    contestants=(Contestant.DAEMON,),
    phases=_rate_by_rate,
    usual=Options(rate_per_s=7_500.0),
)
