"""The figures as a table for people and as JSON for machines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median

import msgspec
from rich.console import Console
from rich.table import Table

from bench.contestants import SourceKind
from bench.measure import Measurement, Window
from bench.workloads.workload import Contestant


class Entry(msgspec.Struct, frozen=True):
    """All rounds of one contestant on one source."""

    source: SourceKind
    contestant: Contestant
    rounds: list[Measurement]

    def over_rounds(self, figure: Callable[[Measurement], float]) -> float:
        return median(figure(measurement) for measurement in self.rounds)


class Report(msgspec.Struct, frozen=True):
    """`ratios`: events a core of the daemon over the others', by source, median of the rounds of each."""

    command: str
    workload: str
    title: str
    cores: str
    load_average: float
    entries: list[Entry]
    ratios: dict[str, dict[str, float]]


def ratios(entries: list[Entry]) -> dict[str, dict[str, float]]:
    rates = {
        (entry.source, entry.contestant): entry.over_rounds(lambda one: one.saturated.events_per_core_s)
        for entry in entries
    }
    return {
        source: {
            other: rates[source, Contestant.DAEMON] / rate
            for (at, other), rate in rates.items()
            if at == source and other is not Contestant.DAEMON and rate
        }
        for source in SourceKind
        if (source, Contestant.DAEMON) in rates
    }


def _paced(figure: Callable[[Window], float]) -> Callable[[Measurement], float]:
    return lambda one: figure(one.paced) if one.paced is not None else 0.0


def _rate(window: Window) -> float:
    return window.events / window.wall_s if window.wall_s else 0.0


def _share(seconds: float, window: Window) -> float:
    return 100 * seconds / window.wall_s if window.wall_s else 0.0


_FILE_COLUMNS = 110
_PACED = "paced: "
_LINES: tuple[tuple[str, Callable[[Measurement], float], str], ...] = (
    ("events/s a core (events / CPU s)", lambda one: one.saturated.events_per_core_s, ",.0f"),
    ("events/s as it came, saturated", lambda one: _rate(one.saturated), ",.0f"),
    ("CPU µs an event, all threads", lambda one: one.saturated.cpu_us_an_event, ".1f"),
    (
        "CPU µs an event, loop's thread",
        lambda one: one.saturated.loop_cpu_s / max(1, one.saturated.events) * 1e6,
        ".1f",
    ),
    ("waited for its core, % of the time", lambda one: _share(one.saturated.queued_s, one.saturated), ".0f"),
    ("source and sinks, % of their core", lambda one: _share(one.saturated.servers_cpu_s, one.saturated), ".0f"),
    (f"{_PACED}events/s", _paced(_rate), ",.0f"),
    (f"{_PACED}CPU µs an event", _paced(lambda window: window.cpu_us_an_event), ".1f"),
    (f"{_PACED}waited for its core, %", _paced(lambda window: _share(window.queued_s, window)), ".0f"),
    (f"{_PACED}p50 ms, produced → accepted", _paced(lambda window: window.p50_ms), ".0f"),
    (f"{_PACED}p95 ms", _paced(lambda window: window.p95_ms), ".0f"),
    (f"{_PACED}p99 ms", _paced(lambda window: window.p99_ms), ".0f"),
    ("RSS max MiB", lambda one: one.rss_max_mib, ".0f"),
    ("produced", lambda one: one.produced, ",.0f"),
    ("lost", lambda one: one.lost, ".0f"),
    ("duplicates", lambda one: one.duplicates, ".0f"),
    ("ids missing or shared", lambda one: one.bad_ids, ".0f"),
    ("log rows missing", lambda one: one.log_rows_missing, ".0f"),
    ("handed to a retry queue or DLQ", lambda one: one.queued, ".0f"),
    ("connections, where they are counted", lambda one: one.connections, ".0f"),
    ("exit code after SIGTERM", lambda one: one.exit_code, ".0f"),
    (
        "AWS calls per 100 events",
        lambda one: 100 * sum(one.saturated.calls.values()) / max(1, one.saturated.events),
        ".2f",
    ),
)


def show(report: Report) -> None:
    table = Table(title=report.title, caption=f"{report.cores}; load average {report.load_average}")
    table.add_column("", no_wrap=True)
    for entry in report.entries:
        table.add_column(f"{entry.contestant}\n{entry.source}".replace(" ", "\n"), justify="right")
    paced = any(measurement.paced for entry in report.entries for measurement in entry.rounds)
    for title, figure, form in _LINES:
        if title.startswith(_PACED) and not paced:
            continue
        table.add_row(title, *(format(entry.over_rounds(figure), form) for entry in report.entries))
    table.add_section()
    operations = sorted({name for entry in report.entries for name in entry.rounds[0].saturated.calls})
    for operation in operations:
        table.add_row(f"  {operation}", *(_per_100(entry, operation) for entry in report.entries))
    console = Console()
    if not console.is_terminal:
        console = Console(width=_FILE_COLUMNS)
    console.print(table)
    for source, by_contestant in report.ratios.items():
        for other, ratio in by_contestant.items():
            console.print(f"{source}: [bold]{ratio:.1f} ×[/bold] the events/s a core of {other}, in the same run")


def _per_100(entry: Entry, operation: str) -> str:
    window = entry.rounds[0].saturated
    return f"{100 * window.calls.get(operation, 0) / max(1, window.events):.2f}"


def store(report: Report, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
