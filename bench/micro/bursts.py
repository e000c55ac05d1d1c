"""`python -m bench.micro.bursts [part]`: the same work back to back, and once in a while as at a low rate.

No daemon takes part: what bursts cost more is what the machine takes from code that slept in between.
"""

from __future__ import annotations

import argparse
import gc
import os
import time
from collections.abc import Callable
from statistics import median

import msgspec
from rich.console import Console
from rich.table import Table

from bench.micro.cases import CASES, Case
from bench.options import choose_cores

_PART = "prepare: all but dedupe, a mail"
# Of both kinds in each round, so that both meet the same mood of the machine.
_RUNS = 25


class Round(msgspec.Struct, frozen=True):
    """CPU µs of one unit, the middle of the round's runs."""

    continuous_us: float
    bursts_us: float

    @property
    def ratio(self) -> float:
        return self.bursts_us / self.continuous_us


def measure(
    case: Case, *, rounds: int, every_s: float, sleep: Callable[[float], None] = time.sleep
) -> list[Round]:
    run = case.prepare()
    run()
    measured = []
    for _ in range(rounds):
        continuous = _microseconds(run, case.units, lambda: None)
        bursts = _microseconds(run, case.units, lambda: sleep(every_s))
        measured.append(Round(continuous, bursts))
        gc.collect()
    return measured


def _microseconds(run: Callable[[], object], units: int, pause: Callable[[], None]) -> float:
    took_s = []
    for _ in range(_RUNS):
        pause()
        begun_s = time.thread_time()
        run()
        took_s.append(time.thread_time() - begun_s)
    return 1e6 * median(took_s) / units


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.micro.bursts", description=__doc__)
    parser.add_argument("part", nargs="?", default=_PART, help=f"of `python -m bench.micro`; {_PART!r} by default")
    parser.add_argument("--every-ms", type=float, default=200.0, help="between two bursts")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    case = next((case for case in CASES if options.part in case.name), None)
    if case is None:
        parser.error(f"no part {options.part!r}; `python -m bench.micro` lists them")
    gc.freeze()
    gc.disable()
    core = choose_cores().contestant
    if core is not None:
        os.sched_setaffinity(0, {core})
    _show(case, options.every_ms, measure(case, rounds=options.rounds, every_s=options.every_ms / 1000))


def _show(case: Case, every_ms: float, measured: list[Round]) -> None:
    table = Table(title=f"{case.name}, {case.units} at a time: CPU µs each")
    for column in ("round", "back to back", f"every {every_ms:g} ms", "ratio"):
        table.add_column(column, justify="right")
    for number, one in enumerate(measured, 1):
        table.add_row(str(number), f"{one.continuous_us:.1f}", f"{one.bursts_us:.1f}", f"{one.ratio:.2f}")
    table.add_row("middle", "", "", f"{median([one.ratio for one in measured]):.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
