"""A backlog stands after an outage of the source, and events go on arriving."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from bench.figures import Figure, call_figures
from bench.options import Load, Options
from bench.profile import profiling
from bench.workloads.email import EMAIL
from bench.workloads.workload import Contestant

if TYPE_CHECKING:
    from bench.measure import Run

# Without a backlog so much is on its way: polls, regrouping, the provider.
_ON_ITS_WAY_S = 0.5
# At twice the arriving rate a backlog is gone after as long as it took to gather; who is slower is told by then.
_PATIENCE = 2.0
_RESUMED_TIMEOUT_S = 30.0


def _outage_then_drain(run: Run, load: Load, options: Options) -> list[Figure]:
    run.fill(load.warm)
    run.wake(options.shards)
    before = run.accepted()
    run.source_away(away=True)
    run.begin_load(load.rate_per_s)
    outage_s = load.events / load.rate_per_s
    run.until("the backlog stands", lambda: run.arrived() - before >= load.events, 2 * outage_s + 5)
    run.source_away(away=False)
    back = run.begin()
    run.until("the first is accepted", lambda: run.accepted() > before, _RESUMED_TIMEOUT_S)
    with profiling(run.pid, options.profile):
        first, first_at_s = run.accepted(), run.now_s()
        near = _ON_ITS_WAY_S * load.rate_per_s
        run.comes_true(lambda: run.arrived() - run.accepted() <= near, _PATIENCE * outage_s)
        last, last_at_s, left = run.accepted(), run.now_s(), run.arrived() - run.accepted()
    drain = run.keep("drain", back, last - before, last_at_s)
    run.end_load()
    drained_per_s = (last - first) / (last_at_s - first_at_s)
    return [
        Figure("arriving, events/s", load.rate_per_s),
        Figure("backlog when the source came back, events", load.events),
        Figure("s until the first was accepted", first_at_s - back.at_s, ".1f"),
        Figure("s from then until it had caught up, or was given up", last_at_s - first_at_s, ".1f"),
        Figure("not yet accepted then, events", left),
        Figure("drained, events/s", drained_per_s),
        Figure("drained, times the arriving rate", drained_per_s / load.rate_per_s, ".2f", "≥ 2"),
        Figure("drained, events/s a core (events / CPU s)", drain.events_per_core_s),
        Figure("CPU µs an event, all threads", drain.cpu_us_an_event, ".1f"),
        *call_figures(drain),
    ]


CATCH_UP = replace(
    EMAIL,
    name="catch-up",
    title="A backlog after an outage of the source, while events go on arriving",
    contestants=(Contestant.DAEMON,),
    phases=_outage_then_drain,
    usual=Options(events=100_000),
)
