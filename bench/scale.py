"""`make scale`: what a second worker adds, in events per CPU second and by the clock, beside one alone.

Nothing is pinned: workers, source and sinks share the cores, so what source and sinks take is not there for
workers. How much more could be had at most is told beside what was. With `--core-share` each worker has that part
of a core and no more, as in a container with a CPU limit, and the rest is left to source and sinks. Runs of one
worker and of several take turns; each begins when the shards are shared out.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import msgspec
from rich.console import Console
from rich.table import Table

from bench.admin import Admin
from bench.contestants import SourceKind, start
from bench.core_share import limited_to
from bench.measure import Run
from bench.options import Cores, Options
from bench.processes import BenchFailed, Process
from bench.setup import Surroundings, surroundings
from bench.workloads import WORKLOADS
from bench.workloads.workload import Contestant, Workload

_UNPINNED = Cores(contestant=None, servers=None)
_WARM_SHARE = 5
# Longer than a worker needs to start, to see the other and to take its part.
_BALANCE_TIMEOUT_S = 90.0


class Worked(msgspec.Struct, frozen=True):
    """`shards`: of each worker. `servers_share`: CPU of source and sinks over that of the workers. `counted`:
    deliveries accepted, as the one admin port says.
    """

    workers: int
    shards: list[int]
    events_per_core_s: float
    events_per_s: float
    servers_share: float
    produced: int
    accepted: int
    counted: int


class Report(msgspec.Struct, frozen=True):
    """`efficiency`: events per CPU second with several workers over those with one; `by_the_clock`: events/s
    likewise; `room`: what that could be at most where source and sinks run on the same cores. `core_share`: what a
    worker could have of a core.
    """

    command: str
    cores: int
    core_share: float
    load_average: float
    efficiency: float
    by_the_clock: float
    room: float
    rounds: list[Worked]

    @property
    def is_kept(self) -> bool:
        return all(one.produced == one.accepted == one.counted for one in self.rounds)


def room(workers: int, cores: int, servers_share: float, core_share: float = 1.0) -> float:
    """Workers that compute as much as they may, until the cores are full of them and of who serves them."""
    return min(workers, cores / (core_share * (1 + servers_share)))


def report_of(
    command: str, cores: int, load_average: float, rounds: list[Worked], core_share: float = 1.0
) -> Report:
    one = [each for each in rounds if each.workers == 1]
    several = [each for each in rounds if each.workers > 1]
    return Report(
        command=command,
        cores=cores,
        core_share=core_share,
        load_average=load_average,
        efficiency=_over([each.events_per_core_s for each in several], [each.events_per_core_s for each in one]),
        by_the_clock=_over([each.events_per_s for each in several], [each.events_per_s for each in one]),
        room=room(several[0].workers, cores, median(each.servers_share for each in rounds), core_share),
        rounds=rounds,
    )


def _over(these: list[float], those: list[float]) -> float:
    return round(median(these) / median(those), 2)


def main() -> int:
    asked = _parser().parse_args()
    rounds: list[Worked] = []
    try:
        for number in range(1, asked.rounds + 1):
            # Who is first changes: a machine that slows down would else favour one of them.
            for workers in (1, asked.workers) if number % 2 else (asked.workers, 1):
                rounds.append(_measure(asked, workers))
                _say(f"round {number}: {msgspec.json.encode(rounds[-1]).decode()}")
    except BenchFailed as failure:
        _say(str(failure))
        return 1
    command = shlex.join(["python", "-m", "bench.scale", *sys.argv[1:]])
    cores = len(os.sched_getaffinity(0))
    report = report_of(command, cores, round(os.getloadavg()[0], 1), rounds, asked.core_share)
    if asked.json:
        sys.stdout.buffer.write(msgspec.json.encode(report) + b"\n")
    else:
        _show(report)
    return 0 if report.is_kept else 1


def _measure(asked: argparse.Namespace, workers: int) -> Worked:
    workload: Workload = WORKLOADS[asked.workload]
    source, options = SourceKind(asked.source), Options(shards=asked.shards)
    with (
        TemporaryDirectory(prefix="notifyd-bench-") as folder,
        surroundings(workload, options, _UNPINNED, Path(folder)) as around,
        _daemon(source, around, workers, asked.core_share) as process,
    ):
        admin, run = Admin(process, workers), Run(process, around, source)
        run.until("shards shared out", lambda: _are_shared(admin.shards(), options.shards), _BALANCE_TIMEOUT_S)
        run.fill(asked.events // _WARM_SHARE)
        window = run.fill(asked.events)
        return Worked(
            workers=workers,
            shards=admin.shards(),
            events_per_core_s=round(window.events_per_core_s, 1),
            events_per_s=round(window.events_per_s, 1),
            servers_share=round(window.spent.servers_cpu_s / window.spent.cpu_s, 3),
            produced=run.produced,
            accepted=run.accepted(),
            counted=admin.accepted(),
        )


@contextmanager
def _daemon(source: SourceKind, around: Surroundings, workers: int, core_share: float) -> Iterator[Process]:
    """Taken in before it starts workers of its own."""
    with ExitStack() as stack:
        take_in = stack.enter_context(limited_to(workers * core_share)) if core_share < 1 else None
        process = stack.enter_context(start(Contestant.DAEMON, source, around, _UNPINNED, workers=workers))
        if take_in is not None:
            take_in(process.pid)
        yield process


def _are_shared(shards: list[int], count: int) -> bool:
    return sum(shards) == count and max(shards) - min(shards) <= 1


def _show(report: Report) -> None:
    table = Table("workers", "shards", "events/s per CPU s", "events/s", "servers' CPU", "accepted", "on /metrics")
    for one in report.rounds:
        table.add_row(
            str(one.workers),
            " + ".join(map(str, one.shards)),
            f"{one.events_per_core_s:,.0f}",
            f"{one.events_per_s:,.0f}",
            f"{one.servers_share:.0%}",
            f"{one.accepted:,} of {one.produced:,}",
            f"{one.counted:,}",
        )
    console = Console(soft_wrap=True, highlight=False)
    console.print(table)
    console.print(f"events per CPU second: {report.efficiency:.2f} × those of one worker")
    console.print(
        f"events/s: {report.by_the_clock:.2f} ×, where {report.cores} cores have room for {report.room:.2f} × "
        f"beside source and sinks, a worker having {report.core_share:g} of a core at most; "
        f"load average {report.load_average:g}"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("--workers", type=_several, default=2, help="held against one")
    parser.add_argument("--workload", choices=WORKLOADS, default="email")
    parser.add_argument("--source", choices=SourceKind, default=SourceKind.KINESIS)
    parser.add_argument("--events", type=int, default=60_000)
    parser.add_argument("--shards", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--core-share", type=_share, default=1.0, help="of a core, for each worker; below 1 it takes root"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object, for programs")
    return parser


def _several(text: str) -> int:
    count = int(text)
    if count < 2:
        raise argparse.ArgumentTypeError(f"{count} is not several; one is measured anyway")
    return count


def _share(text: str) -> float:
    share = float(text)
    if not 0.05 <= share <= 1:
        raise argparse.ArgumentTypeError(f"{text} is no share of a core; give one from 0.05 to 1")
    return share


def _say(text: str) -> None:
    Console(stderr=True, soft_wrap=True, highlight=False, markup=False).print(text)


if __name__ == "__main__":
    sys.exit(main())
