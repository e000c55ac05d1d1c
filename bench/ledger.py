"""`make ledger`: what the window ledger costs at a set rate a shard, in DynamoDB's write units and in CPU.

Write units are counted by the lease table's stand-in, from each item's real size: commits, takes and heartbeats.
CPU is told by samples of the loop's thread in a second stretch at the same rate: what runs under the ledger's own
code is its own; what runs under nobody's (the loop, and reading answers) is shared out by AWS calls.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from bench.contestants import SourceKind, start
from bench.figures import Window
from bench.measure import Run
from bench.options import Options, choose_cores
from bench.processes import BenchFailed
from bench.profile import Samples, sampling
from bench.setup import surroundings
from bench.workloads import EMAIL
from bench.workloads.workload import Contestant

_WARM_EVENTS = 10_000
_UNITS_MAX = 0.12
_CPU_PERCENT_MAX = 10.0
_HEARTBEAT = "worker"
# Files of the ledger, and its functions in files that hold other things as well.
_LEDGER = (
    "notifyd/flow/ledger.py",
    "notifyd/flow/heart.py",
    "notifyd/flow/pace.py",
    "notifyd/flow/claims.py",
    "notifyd/flow/slot_desk.py",
    "notifyd/core/window.py",
    "notifyd/core/slots.py",
    "notifyd/core/runs.py",
    "notifyd/aws/lease_table.py",
    "notifyd/aws/lease_items.py",
    "LeaseKeeper.",
    "ShardRun._commit",
)
# What the commit's write lets begin is sending.
_NOT_LEDGER = ("notifyd/flow/begin.py",)
_NOBODY = ("notifyd/wire/",)
_LEASE_CALLS = ("UpdateItem", "PutItem", "Scan")


class Cost(msgspec.Struct, frozen=True):
    """`units`: written to the lease table, by the key's first word. `cpu_percent`: of the loop's thread;
    `own_percent` of it without its share of the loop. `item_bytes_max`: of a shard's item.
    """

    source: SourceKind
    notifications: int
    units: dict[str, int]
    read_units: int
    item_bytes_max: int
    commits_per_s: float
    cpu_us_an_event: float
    cpu_percent: float
    own_percent: float
    samples: int
    lost: int
    duplicates: int

    @property
    def units_a_notification(self) -> float:
        return sum(self.units.values()) / max(1, self.notifications)

    @property
    def is_kept(self) -> bool:
        return (
            self.units_a_notification <= _UNITS_MAX
            and self.cpu_percent <= _CPU_PERCENT_MAX
            and not self.lost
            and not self.duplicates
        )


class Report(msgspec.Struct, frozen=True):
    command: str
    load_average: float
    costs: list[Cost]


def main() -> int:
    asked = _parser().parse_args()
    sources = list(SourceKind) if asked.source == "both" else [SourceKind(asked.source)]
    try:
        costs = [_measure(source, asked.rate_a_shard, asked.shards, asked.seconds) for source in sources]
    except BenchFailed as failure:
        Console(stderr=True, markup=False).print(str(failure))
        return 1
    command = shlex.join(["python", "-m", "bench.ledger", *sys.argv[1:]])
    report = Report(command, round(os.getloadavg()[0], 1), costs)
    if asked.json:
        sys.stdout.buffer.write(msgspec.json.encode(report) + b"\n")
    else:
        _show(report)
    return 0 if all(cost.is_kept for cost in costs) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.ledger", description=__doc__)
    parser.add_argument("--source", choices=[*SourceKind, "both"], default="both")
    parser.add_argument("--rate-a-shard", type=float, default=200, help="records/s")
    parser.add_argument("--shards", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=20, help="of each of the two stretches")
    parser.add_argument("--json", action="store_true", help="one JSON object, for programs")
    return parser


def _measure(source: SourceKind, rate_a_shard: float, shards: int, lasts_s: float) -> Cost:
    rate_per_s = rate_a_shard * shards
    cores = choose_cores()
    options = Options(shards=shards, rate_per_s=rate_per_s, paced_s=lasts_s)
    with (
        TemporaryDirectory(prefix="notifyd-bench-") as folder,
        surroundings(EMAIL, options, cores, Path(folder)) as around,
        start(Contestant.DAEMON, source, around, cores) as process,
    ):
        run = Run(process, around, source)
        run.fill(_WARM_EVENTS)
        run.wake(shards)
        window = run.paced("paced", rate_per_s, lasts_s)
        billed: dict[str, Any] = around.dynamodb.control("stats")["leases"]
        with sampling(process.pid, Path(folder)) as samples:
            watched = run.fill(int(rate_per_s * lasts_s), rate_per_s)
        process.stop()
        accepted = around.sinks.control("stats")
    return _cost(source, window, billed, _shares(samples, watched.calls), run.produced, accepted)


def _cost(
    source: SourceKind,
    window: Window,
    billed: Mapping[str, Any],
    shares: tuple[float, float, int],
    produced: int,
    accepted: Mapping[str, Any],
) -> Cost:
    own_percent, cpu_percent, samples = shares
    commits = sum(count for kind, count in billed["write_units"].items() if kind != _HEARTBEAT)
    return Cost(
        source=source,
        notifications=window.events,
        units=billed["write_units"],
        read_units=sum(billed["read_units"].values()),
        item_bytes_max=billed["item_bytes_max"],
        commits_per_s=commits / window.spent.wall_s,
        cpu_us_an_event=window.cpu_us_an_event,
        cpu_percent=cpu_percent,
        own_percent=own_percent,
        samples=samples,
        lost=produced - accepted["unique"],
        duplicates=accepted["duplicates"],
    )


def _shares(samples: Samples, calls: Mapping[str, int]) -> tuple[float, float, int]:
    """The ledger's part of all samples in percent: its own, and with its share of nobody's."""
    whose: Counter[str] = Counter()
    for stack, count in samples.stacks.items():
        whose[owner_of(stack)] += count
    all_of_them = max(1, whose.total())
    of_calls = sum(calls.get(name, 0) for name in _LEASE_CALLS) / max(1, sum(calls.values()))
    own = 100 * whose["ledger"] / all_of_them
    return own, own + 100 * whose["nobody"] / all_of_them * of_calls, whose.total()


def owner_of(stack: Sequence[str]) -> str:
    ours = [frame for frame in stack if "notifyd/" in frame]
    if any(name in frame for frame in ours for name in _NOT_LEDGER):
        return "others"
    # The keeper's task runs the shard, so its own frame says nothing beneath that.
    shard = next((at for at, frame in enumerate(ours) if frame.startswith("ShardRun.")), 0)
    if any(name in frame for frame in ours[shard:] for name in _LEDGER):
        return "ledger"
    return "others" if any(name not in frame for frame in ours for name in _NOBODY) else "nobody"


def _show(report: Report) -> None:
    table = Table(title="What the ledger costs", caption=f"load average {report.load_average}")
    table.add_column("", no_wrap=True)
    for cost in report.costs:
        table.add_column(cost.source, justify="right")
    lines: tuple[tuple[str, Callable[[Cost], str]], ...] = (
        ("notifications", lambda cost: f"{cost.notifications:,}"),
        (f"write units a notification (≤ {_UNITS_MAX})", lambda cost: f"{cost.units_a_notification:.4f}"),
        ("  of them heartbeats", lambda cost: f"{cost.units.get(_HEARTBEAT, 0) / cost.notifications:.4f}"),
        ("commits/s", lambda cost: f"{cost.commits_per_s:.1f}"),
        ("largest item, bytes", lambda cost: f"{cost.item_bytes_max}"),
        ("read units of scans a notification", lambda cost: f"{cost.read_units / cost.notifications:.4f}"),
        ("CPU µs an event, all of it", lambda cost: f"{cost.cpu_us_an_event:.0f}"),
        (f"the ledger's share of it, % (≤ {_CPU_PERCENT_MAX:g})", lambda cost: f"{cost.cpu_percent:.1f}"),
        ("  without its share of the loop, %", lambda cost: f"{cost.own_percent:.1f}"),
        ("  samples", lambda cost: f"{cost.samples:,}"),
        ("lost, duplicates", lambda cost: f"{cost.lost}, {cost.duplicates}"),
    )
    for title, figure in lines:
        table.add_row(title, *(figure(cost) for cost in report.costs))
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
