"""`make isolation`: how long mails take while APNs hangs, beside how long they take while it answers.

Each event becomes a mail and a push; the daemon is a process of its own, on shipped defaults. Rounds take turns,
so that what else the machine does befalls both alike.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from bench.accepted import Accepted
from bench.contestants import SourceKind, start
from bench.options import Cores, Options, choose_cores
from bench.processes import BenchFailed
from bench.setup import Surroundings, surroundings
from bench.workloads.isolation import isolation
from bench.workloads.workload import Contestant

# While APNs hangs, an e-mail's p99 moves by less than this part.
MOVES_MAX = 0.10
_WARM_S = 8.0
_POLL_S = 0.05
_STALL_S = 30.0


class Round(msgspec.Struct, frozen=True):
    """Of mails, source → accepted. `queued`: messages handed to retry queues, pushes all of them."""

    hangs: bool
    mails: int
    lost: int
    duplicates: int
    p50_ms: float
    p99_ms: float
    queued: int


class Report(msgspec.Struct, frozen=True):
    """`moves`: by what part the median p99 is longer while APNs hangs."""

    command: str
    load_average: float
    moves: float
    rounds: list[Round]

    @property
    def is_kept(self) -> bool:
        """A hang that no push met would say nothing."""
        return (
            self.moves < MOVES_MAX
            and not any(one.lost or one.duplicates for one in self.rounds)
            and all(one.queued for one in self.rounds if one.hangs)
        )


def main() -> int:
    asked = _parser().parse_args()
    options = Options(shards=asked.shards, rate_per_s=asked.rate, paced_s=asked.seconds)
    cores = choose_cores()
    rounds: list[Round] = []
    try:
        for number in range(1, asked.rounds + 1):
            # Who is first changes: a machine that slows down would else favour one of them.
            for hangs in (False, True) if number % 2 else (True, False):
                rounds.append(measure(options, cores, hangs=hangs))
                _say(f"round {number}: {msgspec.json.encode(rounds[-1]).decode()}")
    except BenchFailed as failure:
        _say(str(failure))
        return 1
    command = shlex.join(["python", "-m", "bench.isolation", *sys.argv[1:]])
    report = Report(command, round(os.getloadavg()[0], 1), round(_moves(rounds), 3), rounds)
    if asked.json:
        sys.stdout.buffer.write(msgspec.json.encode(report) + b"\n")
    else:
        _show(report)
    return 0 if report.is_kept else 1


def measure(options: Options, cores: Cores, *, hangs: bool) -> Round:
    """One daemon, from its start on: what comes before the window fills what the hang can fill."""
    with (
        TemporaryDirectory(prefix="notifyd-bench-") as folder,
        surroundings(isolation(hangs=hangs), options, cores, Path(folder)) as around,
        start(Contestant.DAEMON, SourceKind.KINESIS, around, cores) as process,
    ):
        warm = int(options.rate_per_s * _WARM_S)
        _append(around, warm, options.rate_per_s)
        _wait(around, warm)
        around.sinks.control("window")
        events = int(options.rate_per_s * options.paced_s)
        _append(around, events, options.rate_per_s)
        _wait(around, warm + events)
        process.stop()
        said: dict[str, Any] = around.sinks.control("stats")
    mails = Accepted.of([said])
    return Round(
        hangs=hangs,
        mails=mails.accepted,
        lost=warm + events - mails.unique,
        duplicates=mails.duplicates,
        p50_ms=mails.latency.p50_ms,
        p99_ms=mails.latency.p99_ms,
        queued=said["queued"],
    )


def _append(around: Surroundings, events: int, rate_per_s: float) -> None:
    around.source.control("append", source=SourceKind.KINESIS, events=events, rate_per_s=rate_per_s)


def _wait(around: Surroundings, mails: int) -> None:
    """Until so many have come, or none has for a while: they are lost then."""
    seen, moved_s = -1, time.perf_counter()
    while (unique := around.sinks.control("progress")["unique"]) < mails:
        if unique != seen:
            seen, moved_s = unique, time.perf_counter()
        if time.perf_counter() - moved_s > _STALL_S:
            return
        time.sleep(_POLL_S)


def _moves(rounds: list[Round]) -> float:
    calm, hanging = (median(one.p99_ms for one in rounds if one.hangs is hangs) for hangs in (False, True))
    return hanging / calm - 1


def _show(report: Report) -> None:
    table = Table("APNs", "mails", "p50", "p99", "lost", "duplicates", "to retry queues")
    for one in report.rounds:
        counts = (str(one.lost), str(one.duplicates), str(one.queued))
        name = "hangs" if one.hangs else "answers"
        table.add_row(name, str(one.mails), f"{one.p50_ms:.0f} ms", f"{one.p99_ms:.0f} ms", *counts)
    console = Console(soft_wrap=True, highlight=False)
    console.print(table)
    console.print(
        f"median p99 of mails while APNs hangs: {report.moves:+.1%} (less than {MOVES_MAX:+.0%} is kept), "
        f"load average {report.load_average:g}"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.isolation", description=__doc__)
    parser.add_argument("--rate", type=float, default=1_000, help="events/s, each a mail and a push")
    parser.add_argument("--seconds", type=float, default=20, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--shards", type=int, default=10)
    parser.add_argument("--json", action="store_true", help="one JSON object, for programs")
    return parser


def _say(text: str) -> None:
    Console(stderr=True, soft_wrap=True, highlight=False, markup=False).print(text)


if __name__ == "__main__":
    sys.exit(main())
