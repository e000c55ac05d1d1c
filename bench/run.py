"""`make bench`: the real daemon in its own process against sources and sinks in others, then the peer likewise."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from time import time_ns
from types import FrameType

import msgspec
from rich.console import Console

from bench.at_once import OPTION, measure_at_once
from bench.contestants import SourceKind, start
from bench.measure import Measurement, Run
from bench.options import Cores, Load, Options, choose_cores, stay_beside
from bench.peers import CHOICES, USUAL, peers_named, takes_part
from bench.processes import ROOT, BenchFailed
from bench.report import Entry, Report, ratios, show, store
from bench.setup import surroundings
from bench.workloads import WORKLOADS
from bench.workloads.workload import Contestant, Workload

RESULTS = ROOT / "bench" / "results"
# What a contestant starts up on: connections, caches, compiled templates; not measured.
_WARM_SHARE = 5


def main(words: Sequence[str] | None = None) -> int:
    """`words`: of the command line, where they are not the process's own."""
    words = sys.argv[1:] if words is None else words
    parser = _parser()
    arguments = parser.parse_args(words)
    workload = WORKLOADS[arguments.workload]
    options = _options(arguments, workload.usual)
    entries = _entries(arguments, workload)
    if not entries:
        parser.error(f"nobody who was asked for can do {workload.name} from there")
    if options.profile is not None and len(entries) * arguments.rounds > 1:
        parser.error("--profile is of one contestant in one round: --peers none --source kinesis")
    cores = choose_cores()
    stay_beside(cores)
    signal.signal(signal.SIGTERM, _leave_in_order)
    try:
        for round_number in range(1, arguments.rounds + 1):
            for group in _taking_turns(entries, at_once=arguments.at_once):
                _say(
                    f"round {round_number}: {', '.join(entry.contestant for entry in group)}, {group[0].source} …"
                )
                measured = (
                    measure_at_once(group, words)
                    if arguments.at_once
                    else [_measure(workload, entry, options, cores) for entry in group]
                )
                for entry, measurement in zip(group, measured, strict=True):
                    entry.rounds.append(measurement)
    except KeyboardInterrupt:
        _say("stopped; everything that was started has been ended")
        return 130
    except BenchFailed as failure:
        _say(str(failure))
        return 1
    ended_at = datetime.fromtimestamp(time_ns() / 1e9, UTC)
    report = Report(
        command=shlex.join(["python", "-m", "bench", *words]),
        measured_on=f"{ended_at:%Y-%m-%d}",
        shards=options.shards,
        users=options.users,
        event_bytes=options.event_bytes,
        workload=workload.name,
        title=workload.title,
        cores=_cores_text(cores, at_once=arguments.at_once),
        load_average=round(os.getloadavg()[0], 1),
        entries=entries,
        ratios=ratios(entries),
    )
    show(report)
    target = arguments.json or RESULTS / f"{ended_at:%Y%m%dT%H%M%SZ}.json"
    store(report, target)
    _say(f"stored in {target}")
    return 1 if is_promise_broken(entries, workload) else 0


def _entries(arguments: argparse.Namespace, workload: Workload) -> list[Entry]:
    sources = list(SourceKind) if arguments.source == "both" else [SourceKind(arguments.source)]
    return [
        Entry(source, contestant, [])
        for source in sources
        for contestant in (*arguments.daemon, *arguments.peers)
        if takes_part(contestant, workload, source)
    ]


def _taking_turns(entries: Sequence[Entry], *, at_once: bool) -> list[list[Entry]]:
    """One after the other, or all of a source together."""
    if not at_once:
        return [[entry] for entry in entries]
    return [list(group) for _, group in groupby(entries, lambda entry: entry.source)]


def _measure(workload: Workload, entry: Entry, options: Options, cores: Cores) -> Measurement:
    with (
        TemporaryDirectory(prefix="notifyd-bench-") as folder,
        surroundings(workload, options, cores, Path(folder)) as around,
        start(entry.contestant, entry.source, around, cores) as process,
    ):
        return Run(process, around, entry.source).measure(_load(entry.contestant, options))


def _load(contestant: Contestant, options: Options) -> Load:
    """The others get less: at a seventh of the speed the same load would take seven times as long."""
    if contestant is not Contestant.DAEMON:
        return Load(
            options.peer_events // _WARM_SHARE, options.peer_events, options.peer_rate_per_s, options.paced_s
        )
    return Load(options.events // _WARM_SHARE, options.events, options.rate_per_s, options.paced_s)


def is_promise_broken(entries: list[Entry], workload: Workload) -> bool:
    """Whoever's it is: a peer that leaves out some of the work is not what a ratio can be to."""
    return any(
        measurement.lost
        or measurement.duplicates
        or measurement.bad_ids
        or measurement.log_rows_missing
        or (measurement.queued and not workload.has_faults)
        or measurement.exit_code
        for entry in entries
        for measurement in entry.rounds
    )


def _parser() -> argparse.ArgumentParser:
    """What stands in Options and is not given is as the workload usually has it."""
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        epilog=_epilog(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,  # words are taken out by their whole names
    )
    parser.add_argument("--workload", choices=WORKLOADS, default="email")
    parser.add_argument("--source", choices=[*SourceKind, "both"], default="both")
    parser.add_argument("--events", type=int, help="measured at full speed")
    parser.add_argument("--shards", type=int)
    parser.add_argument("--users", type=int)
    parser.add_argument("--event-bytes", type=int)
    parser.add_argument("--hot-percent", type=int, help="of the events, all on the first shard")
    parser.add_argument(
        "--rate", type=float, dest="rate_per_s", help="events/s of the latency measurement; 0: none"
    )
    parser.add_argument("--paced-s", type=float, help="length of the latency measurement")
    parser.add_argument("--latency-ms", type=float, help="of SES and the sandbox")
    parser.add_argument("--rounds", type=int, default=1, help="contestants take turns; the median is shown")
    parser.add_argument(
        OPTION, action="store_true", default=False, help="contestants share the core instead of taking turns"
    )
    parser.add_argument("--peers", type=peers_named, default=USUAL, help=CHOICES)
    parser.add_argument("--only-peers", action="store_const", const=[], default=[Contestant.DAEMON], dest="daemon")
    parser.add_argument("--peer-events", type=int, help="of each that is not the daemon as shipped")
    parser.add_argument("--peer-rate", type=float, dest="peer_rate_per_s")
    parser.add_argument("--tls", action="store_true", help="AWS's stand-ins as real AWS; takes openssl")
    parser.add_argument("--profile", type=Path, help="a flame graph (SVG) of the saturated part, by py-spy")
    parser.add_argument("--json", type=Path, default=None, help="where the figures go instead of bench/results")
    return parser


def _epilog() -> str:
    width = max(map(len, WORKLOADS))
    workloads = [f"  {name:<{width}}  {workload.title}" for name, workload in WORKLOADS.items()]
    return "\n".join(["workloads:", *workloads])


def _options(arguments: argparse.Namespace, usual: Options) -> Options:
    given = {name: value for name, value in vars(arguments).items() if name in Options.__struct_fields__}
    options = msgspec.structs.replace(usual, **given)
    return msgspec.structs.replace(
        options,
        peer_events=min(options.peer_events, options.events),
        peer_rate_per_s=min(options.peer_rate_per_s, options.rate_per_s),
    )


def _cores_text(cores: Cores, *, at_once: bool) -> str:
    who = "contestants at once" if at_once else "contestant"
    if cores.contestant is None:
        return f"not pinned: {who} and servers share what cores there are"
    return f"{who} on core {cores.contestant}, source and sinks on core {cores.servers}"


def _leave_in_order(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    Console(stderr=True, soft_wrap=True, highlight=False, markup=False).print(text)
