"""`python -m bench.micro [name …]`: each part that is hot, in µs an event, best of several tries."""

from __future__ import annotations

import argparse
import gc
from time import perf_counter

from rich.console import Console
from rich.table import Table

from bench.micro.cases import CASES, Case

_TRIES = 7
_TRY_S = 0.15


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.micro", description=__doc__)
    parser.add_argument("names", nargs="*", help="parts whose names hold one of these; all of them by default")
    names = parser.parse_args().names
    table = Table(title="CPU of the hot parts")
    for column in ("part", "µs", "of"):
        table.add_column(column, justify="right" if column == "µs" else "left")
    gc.freeze()
    for case in CASES:
        if not names or any(name in case.name for name in names):
            table.add_row(case.name, f"{microseconds(case):.2f}", case.unit)
    Console().print(table)


def microseconds(case: Case) -> float:
    """The best try: what slows one down is never the code itself."""
    run = case.prepare()
    run()
    start_s = perf_counter()
    run()
    times = max(1, int(_TRY_S / max(1e-9, perf_counter() - start_s)))
    best_s = float("inf")
    for _ in range(_TRIES):
        start_s = perf_counter()
        for _ in range(times):
            run()
        best_s = min(best_s, perf_counter() - start_s)
    return best_s / times / case.units * 1e6


if __name__ == "__main__":
    main()
