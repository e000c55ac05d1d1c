"""`make bench`: the real daemon in its own process against sources and sinks in others, then the peer likewise."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import time_ns
from types import FrameType

from rich.console import Console

from bench.contestants import Contestant, SourceKind, start
from bench.measure import Load, Measurement, Run
from bench.processes import ROOT, BenchFailed
from bench.report import Entry, Report, ratios, show, store
from bench.setup import Cores, Options, choose_cores, surroundings

RESULTS = ROOT / "bench" / "results"
# What a contestant starts up on: connections, caches, compiled templates; not measured.
_WARM_SHARE = 5


def main() -> int:
    arguments = _parser().parse_args()
    options = _options(arguments)
    cores = choose_cores()
    signal.signal(signal.SIGTERM, _leave_in_order)
    contestants = _contestants(arguments)
    sources = list(SourceKind) if arguments.source == "both" else [SourceKind(arguments.source)]
    pairs = [(source, contestant) for source in sources for contestant in contestants]
    entries = [Entry(source, contestant, []) for source, contestant in pairs]
    try:
        for round_number in range(1, arguments.rounds + 1):
            for entry in entries:
                _say(f"round {round_number}: {entry.contestant}, {entry.source} …")
                entry.rounds.append(_measure(entry.contestant, entry.source, options, cores))
    except KeyboardInterrupt:
        _say("stopped; everything that was started has been ended")
        return 130
    except BenchFailed as failure:
        _say(str(failure))
        return 1
    report = Report(
        shlex.join(["python", "-m", "bench", *sys.argv[1:]]), _cores_text(cores), entries, ratios(entries)
    )
    show(report)
    target = arguments.json or RESULTS / f"{datetime.fromtimestamp(time_ns() / 1e9, UTC):%Y%m%dT%H%M%SZ}.json"
    store(report, target)
    _say(f"stored in {target}")
    return 1 if _broken_promise(entries) else 0


def _measure(contestant: Contestant, source: SourceKind, options: Options, cores: Cores) -> Measurement:
    with (
        TemporaryDirectory(prefix="notifyd-bench-") as folder,
        surroundings(options, cores, Path(folder)) as around,
        start(contestant, source, around, cores) as process,
    ):
        return Run(process, around, source).measure(_load(contestant, options), options)


def _contestants(arguments: argparse.Namespace) -> list[Contestant]:
    if arguments.only_peer:
        return [Contestant.PEER]
    return [Contestant.DAEMON, Contestant.PEER] if arguments.peer else [Contestant.DAEMON]


def _load(contestant: Contestant, options: Options) -> Load:
    """The peer gets less of everything: at a seventh of the speed the same load would take seven times as long."""
    if contestant is Contestant.PEER:
        return Load(
            options.peer_events // _WARM_SHARE, options.peer_events, options.peer_rate_per_s, options.paced_s
        )
    return Load(options.events // _WARM_SHARE, options.events, options.rate_per_s, options.paced_s)


def _broken_promise(entries: list[Entry]) -> bool:
    return any(
        measurement.lost
        or measurement.duplicates
        or measurement.bad_ids
        or measurement.log_rows_missing
        or measurement.queued
        or measurement.exit_code
        for entry in entries
        if entry.contestant is Contestant.DAEMON
        for measurement in entry.rounds
    )


def _parser() -> argparse.ArgumentParser:
    usual = Options()
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--source", choices=[*SourceKind, "both"], default="both")
    parser.add_argument("--events", type=int, default=usual.events, help="measured at full speed")
    parser.add_argument("--shards", type=int, default=usual.shards)
    parser.add_argument("--users", type=int, default=usual.users)
    parser.add_argument("--event-bytes", type=int, default=usual.event_bytes)
    parser.add_argument(
        "--rate", type=float, default=usual.rate_per_s, help="events/s of the latency measurement; 0: none"
    )
    parser.add_argument("--paced-s", type=float, default=usual.paced_s, help="length of the latency measurement")
    parser.add_argument("--latency-ms", type=float, default=usual.latency_ms, help="of SES")
    parser.add_argument("--rounds", type=int, default=1, help="contestants take turns; the median is shown")
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--peer", action=argparse.BooleanOptionalAction, default=True)
    who.add_argument("--only-peer", action="store_true")
    parser.add_argument("--peer-events", type=int, default=usual.peer_events)
    parser.add_argument("--peer-rate", type=float, default=usual.peer_rate_per_s)
    parser.add_argument("--tls", action="store_true", help="as against real AWS; takes openssl")
    parser.add_argument("--profile", type=Path, help="a flame graph (SVG) of the saturated part, by py-spy")
    parser.add_argument("--json", type=Path, help="where the figures go instead of bench/results")
    return parser


def _options(arguments: argparse.Namespace) -> Options:
    return Options(
        events=arguments.events,
        shards=arguments.shards,
        users=arguments.users,
        event_bytes=arguments.event_bytes,
        latency_ms=arguments.latency_ms,
        rate_per_s=arguments.rate,
        paced_s=arguments.paced_s,
        peer_events=min(arguments.peer_events, arguments.events),
        peer_rate_per_s=min(arguments.peer_rate, arguments.rate),
        tls=arguments.tls,
        profile=arguments.profile,
    )


def _cores_text(cores: Cores) -> str:
    if cores.contestant is None:
        return "not pinned: contestant and servers share what cores there are"
    return f"contestant on core {cores.contestant}, source and sinks on core {cores.servers}"


def _leave_in_order(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    Console(stderr=True, soft_wrap=True, highlight=False, markup=False).print(text)
