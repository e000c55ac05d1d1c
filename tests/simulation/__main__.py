"""`make sim SEEDS=N [FAULTS=none|crash,cut,…] [SEED=k]`: many seeds on every core, or one to look into."""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from click import echo

from tests.simulation.faults import Group
from tests.simulation.network import Mishap
from tests.simulation.operations import OPERATIONS
from tests.simulation.run import Options, Result, run_seed
from tests.simulation.world.releases import OTHERS

_MEMORY_MAX_BYTES = 2 << 30
# A full run is long enough that each fault and each crash point must have come up.
_FULL_RUN_SEEDS = 500
_IN_FLIGHT_SHARE_MIN = 0.01
_PROCESSES = 2
# Without faults a seed costs little more than its events: larger ones spare the start.
_CALM_RECORDS = 10_000
_CALM_LASTS_S = 120.0

_EVERY_FAULT = (
    *(f"crash {when} {operation}" for operation in OPERATIONS for when in ("before", "after")),
    "crash any step",
    *(mishap.value for mishap in Mishap),
    "pause",
    "suspend",
    *(f"cut: {who} from {what}" for who in ("one", "all") for what in ("one service", "all")),
    "clock jumps back",
    "clock jumps ahead",
    "provider never answers",
    "provider answers some",
    "provider defers",
    "look-up finds it",
    "look-up finds nothing",
    "look-up fails",
    "split",
    "merge",
    "SIGTERM",
    "duplicate record",
    *(release.name for release in OTHERS),
    "user opts out",
    "user opts in",
    "user chooses channels",
    "address changes",
    "address goes",
    "address comes back",
    "device is added",
    "device is removed",
    "trim",
)


def main() -> int:
    arguments = _arguments()
    groups = _groups(arguments.faults)
    options = Options(groups=groups, follow=arguments.seed is not None and arguments.follow)
    if not groups:
        options = Options(records=_CALM_RECORDS, lasts_s=_CALM_LASTS_S, groups=())
    if arguments.seed is not None:
        return _show(run_seed(arguments.seed, options), arguments.faults)
    return _many(range(arguments.first, arguments.first + arguments.seeds), options, arguments.faults)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make sim", description=__doc__)
    parser.add_argument("--seeds", type=int, default=_FULL_RUN_SEEDS)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--faults", default="all", help="all, none, or some of " + ", ".join(Group))
    parser.add_argument("--follow", action="store_true", help="with --seed: prints every call")
    return parser.parse_args()


def _groups(text: str) -> tuple[Group, ...]:
    if text == "all":
        return tuple(Group)
    return () if text == "none" else tuple(Group(name) for name in text.split(","))


def _many(seeds: range, options: Options, faults: str) -> int:
    began_s = time.perf_counter()
    fired: Counter[str] = Counter()
    failed: list[Result] = []
    total: Counter[str] = Counter()
    for done, result in enumerate(_results(seeds, options), 1):
        fired.update(result.fired)
        total.update(
            {
                "steps": result.steps,
                "records": options.records,
                "deliveries": result.deliveries,
                "sent": result.sent,
                "duplicates": result.duplicates,
                "crashes": result.crashes,
                "in flight": result.in_flight_at_crashes,
            }
        )
        if result.broken:
            failed.append(result)
            _show(result, faults)
        if done % 25 == 0 or done == len(seeds):
            passed_s = time.perf_counter() - began_s
            echo(f"{done}/{len(seeds)} seeds, {passed_s:.0f} s, {len(failed)} failed")
    problems = _summary(fired, total, options, len(seeds), time.perf_counter() - began_s)
    for problem in problems:
        echo(f"FAILED: {problem}")
    return 1 if failed or problems else 0


def _results(seeds: range, options: Options) -> Iterator[Result]:
    with ProcessPoolExecutor(_PROCESSES, initializer=_limit_memory) as pool:
        yield from pool.map(partial(run_seed, options=options), seeds, chunksize=1)


def _limit_memory() -> None:
    """A seed that runs away must not take the machine with it."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_MAX_BYTES, _MEMORY_MAX_BYTES))


def _summary(fired: Counter[str], total: Counter[str], options: Options, seeds: int, passed_s: float) -> list[str]:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = used.ru_utime + used.ru_stime
    speed = f"{total['steps'] / cpu_s:,.0f} steps a second of it"
    echo(f"{seeds} seeds in {passed_s:.1f} s, {cpu_s:.1f} s of CPU, {speed}")
    echo(
        f"{total['records']:,} records, {total['deliveries']:,} deliveries, {total['sent']:,} attempts, "
        f"{total['duplicates']:,} duplicates"
    )
    if not options.groups:
        return ["duplicates without a fault"] if total["duplicates"] else []
    for what, times in sorted(fired.items()):
        echo(f"  {times:7,}  {what}")
    share = total["in flight"] / total["deliveries"]
    echo(f"{total['crashes']} crashes caught {total['in flight']} deliveries in flight: {share:.2%} of all")
    if seeds < _FULL_RUN_SEEDS or len(options.groups) < len(Group):
        return []
    problems = [f"never fired: {what}" for what in _EVERY_FAULT if not fired[what]]
    if share < _IN_FLIGHT_SHARE_MIN:
        problems.append(f"only {share:.2%} of the deliveries were in flight at crashes")
    return problems


def _show(result: Result, faults: str) -> int:
    if not result.broken:
        echo(f"seed {result.seed}: {result.digest}, {result.steps} steps, {result.virtual_s:.0f} virtual seconds")
        return 0
    echo("\n".join(result.tail))
    echo(f"seed {result.seed} ({result.digest}) breaks:")
    echo("\n".join(f"  {broken}" for broken in result.broken))
    echo(f"replay: make sim SEED={result.seed} FAULTS={faults}")
    return 1


if __name__ == "__main__":
    _limit_memory()
    sys.exit(main())
