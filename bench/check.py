"""`make bench-check`: whether the daemon is still as much quicker than the batched peer as it was.

Absolute figures are a machine's; the ratio to the peer that ran a moment before or after holds over machines and
over what else they do. Daemon and peer take turns, few events each; the median of the rounds' ratios is held
against the one that was stored.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import time_ns

import msgspec
from rich.console import Console

from bench.contestants import SourceKind, start
from bench.measure import Run
from bench.options import Cores, Options, choose_cores, stay_beside
from bench.processes import ROOT, BenchFailed
from bench.ratios import Ratio, judge
from bench.setup import surroundings
from bench.workloads import WORKLOADS
from bench.workloads.workload import Contestant

STORED = ROOT / "bench" / "ratios.json"
_ROUNDS = 5


class Load(msgspec.Struct, frozen=True):
    """`warm` ones to start up on, then the measured ones."""

    warm: int
    events: int


# So many that start-up and the kernel's ticks of 10 ms do not tell: 0.3 s of CPU and more.
_LOADS = {Contestant.DAEMON: Load(2_000, 8_000), Contestant.PEER: Load(500, 2_000)}


class Case(msgspec.Struct, frozen=True):
    """`needs`: a command without which it cannot be measured."""

    workload: str
    source: SourceKind
    needs: str = ""

    @property
    def name(self) -> str:
        return f"{self.workload} from {self.source}"

    @property
    def can_run(self) -> bool:
        return not self.needs or shutil.which(self.needs) is not None


CASES = (
    Case("email", SourceKind.KINESIS),
    Case("email", SourceKind.DYNAMODB),
    Case("push-rate", SourceKind.KINESIS, needs="nghttpd"),
)


class Stored(msgspec.Struct, frozen=True):
    """`ratios`: by a case's name. What this machine could not measure stays as it was."""

    command: str
    stored_on: str
    ratios: dict[str, Ratio]


def measure(case: Case, cores: Cores) -> float:
    """Of one round."""
    daemon, peer = (_events_per_core_s(case, contestant, cores) for contestant in _LOADS)
    return daemon / peer


def _events_per_core_s(case: Case, contestant: Contestant, cores: Cores) -> float:
    load = _LOADS[contestant]
    with (
        TemporaryDirectory(prefix="notifyd-bench-") as folder,
        surroundings(WORKLOADS[case.workload], Options(), cores, Path(folder)) as around,
        start(contestant, case.source, around, cores) as process,
    ):
        run = Run(process, around, case.source)
        run.fill(load.warm)
        window = run.fill(load.events)
        accepted = run.accepted()
        process.kill()
    if accepted != run.produced:
        raise BenchFailed(f"{case.name}, {contestant}: {accepted} of {run.produced} came; its figure says nothing")
    return window.events_per_core_s


def main() -> int:
    asked = _parser().parse_args()
    cores = choose_cores()
    stay_beside(cores)
    cases = [case for case in CASES if case.can_run]
    for case in CASES:
        if not case.can_run:
            _say(f"{case.name}: left out, as {case.needs} (Debian: nghttp2-server) is not on this machine")
    rounds: dict[str, list[float]] = {case.name: [] for case in cases}
    try:
        for number in range(1, _ROUNDS + 1):
            for case in cases:
                rounds[case.name].append(measure(case, cores))
                _say(f"round {number}, {case.name}: {rounds[case.name][-1]:.2f}")
    except BenchFailed as failure:
        _say(str(failure))
        return 1
    now = {name: Ratio.of(ratios) for name, ratios in rounds.items()}
    stored = msgspec.json.decode(STORED.read_bytes(), type=Stored) if STORED.exists() else None
    before = stored.ratios if stored is not None else {}
    if asked.store:
        _store({**before, **now})
        return 0
    findings = judge(now, before)
    for finding in findings:
        _say(str(finding))
    return 1 if any(finding.is_broken for finding in findings) else 0


def _store(ratios: dict[str, Ratio]) -> None:
    command = shlex.join(["python", "-m", "bench.check", *sys.argv[1:]])
    today = f"{datetime.fromtimestamp(time_ns() / 1e9, UTC):%Y-%m-%d}"
    STORED.write_bytes(msgspec.json.format(msgspec.json.encode(Stored(command, today, ratios))) + b"\n")
    _say(f"stored in {STORED}; load average {os.getloadavg()[0]:.1f}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.check", description=__doc__)
    parser.add_argument("--store", action="store_true", help=f"what is measured becomes {STORED.name}")
    return parser


def _say(text: str) -> None:
    Console(stderr=True, soft_wrap=True, highlight=False, markup=False).print(text)


if __name__ == "__main__":
    sys.exit(main())
