"""A round whose contestants run at the same time on the same core: what slows one down slows the others as much.

One after the other they meet a shared host in different moods, and a ratio of two is off by a quarter. Each is
measured by a bench of its own, against servers of its own.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

import msgspec

from bench.measure import Measurement
from bench.peers import name_of
from bench.processes import ROOT, BenchFailed
from bench.report import Entry, Report
from bench.workloads.workload import Contestant

OPTION = "--at-once"
# More than the slowest workload takes.
_TIMEOUT_S = 1_800.0
_END_TIMEOUT_S = 60.0


def measure_at_once(entries: Sequence[Entry], words: Sequence[str]) -> list[Measurement]:
    """One of each of `entries`, in order. `words`: of the command line. Raises BenchFailed."""
    with TemporaryDirectory(prefix="notifyd-bench-") as folder, ExitStack() as stack:
        benches = [
            stack.enter_context(_Bench(Path(folder) / f"{number}.json", entry, words))
            for number, entry in enumerate(entries)
        ]
        return [bench.measurement() for bench in benches]


class _Bench:
    """Of one contestant. However it is left, it and what it started have ended."""

    def __init__(self, report: Path, entry: Entry, words: Sequence[str]) -> None:
        self._report = report
        self._log = report.with_suffix(".log")
        self._words = words_of(entry, words, report)

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._child = subprocess.Popen(  # noqa: S603 - our own module, with words that its parser has taken
                [sys.executable, "-m", "bench", *self._words], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=log
            )
        return self

    def __exit__(self, *_: object) -> None:
        if self._child.poll() is None:
            self._child.terminate()
        try:
            self._child.wait(_END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._child.kill()  # what it started ends with it
            self._child.wait()

    def measurement(self) -> Measurement:
        try:
            self._child.wait(_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise BenchFailed(f"{' '.join(self._words)} has not ended within {_TIMEOUT_S:g} s") from None
        if not self._report.exists():
            raise BenchFailed(f"{' '.join(self._words)} has failed:\n{self._log.read_text()}")
        [entry] = msgspec.json.decode(self._report.read_bytes(), type=Report).entries
        return entry.rounds[0]


def words_of(entry: Entry, words: Sequence[str], report: Path) -> list[str]:
    """The same bench of one contestant and one round: of an option that is given twice, the last one counts."""
    daemon = entry.contestant is Contestant.DAEMON
    who = ["--peers", "none"] if daemon else ["--peers", name_of(entry.contestant), "--only-peers"]
    same = [word for word in words if word not in {OPTION, "--only-peers"}]
    return [*same, "--source", entry.source, "--rounds", "1", *who, "--json", str(report)]
