"""The figures as a table for people and as JSON for machines."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from itertools import chain
from pathlib import Path
from statistics import median

import msgspec
from rich.console import Console
from rich.table import Table

from bench.contestants import SourceKind
from bench.figures import Figure
from bench.measure import Measurement
from bench.workloads.workload import Contestant


class Entry(msgspec.Struct, frozen=True):
    """All rounds of one contestant on one source."""

    source: SourceKind
    contestant: Contestant
    rounds: list[Measurement]

    def lines(self) -> dict[str, str]:
        """What stands in the table, by title: medians of the rounds, and of totals the most that one of them had:
        what was lost in one of five is lost.
        """
        return {
            **_lines([measurement.figures for measurement in self.rounds], median),
            **_lines([_totals(measurement) for measurement in self.rounds], partial(max, key=abs)),
        }

    def rates(self) -> list[float]:
        """Events a core of each round, saturated; empty: the workload never is."""
        return [one.saturated.events_per_core_s for one in self.rounds if one.is_saturated]


class Report(msgspec.Struct, frozen=True):
    """`ratios`: events a core of the daemon over the others', by source: of each round the one of its contestants,
    and of these the middle one. `measured_on`: a date.
    """

    command: str
    measured_on: str
    shards: int
    users: int
    event_bytes: int
    workload: str
    title: str
    cores: str
    load_average: float
    entries: list[Entry]
    ratios: dict[str, dict[str, float]]


def ratios(entries: list[Entry]) -> dict[str, dict[str, float]]:
    rates = {(entry.source, entry.contestant): entry.rates() for entry in entries}
    return {
        source: {
            other: median(mine / theirs for mine, theirs in zip(own, of_other, strict=True))
            for (at, other), of_other in rates.items()
            if at == source and other is not Contestant.DAEMON and of_other
        }
        for source in SourceKind
        if (own := rates.get((source, Contestant.DAEMON)))
    }


def _lines(rounds: list[list[Figure]], of: Callable[[list[float]], float]) -> dict[str, str]:
    by_title: dict[str, list[Figure]] = {}
    for figure in chain.from_iterable(rounds):
        by_title.setdefault(figure.titled, []).append(figure)
    return {
        title: format(of([figure.value for figure in figures]), figures[0].form)
        for title, figures in by_title.items()
    }


def _totals(one: Measurement) -> list[Figure]:
    """Over the whole measurement."""
    return [
        Figure("RSS max MiB", one.rss_max_mib),
        Figure("events produced", one.produced),
        Figure("deliveries of them expected", one.expected.deliveries),
        Figure("suppressed of them expected", one.expected.suppressed),
        Figure("lost", one.lost),
        Figure("duplicates", one.duplicates),
        Figure("ids missing or shared", one.bad_ids),
        Figure("log rows missing", one.log_rows_missing),
        Figure("handed to a retry queue or DLQ", one.queued),
        Figure("connections, where they are counted", one.connections),
        Figure("exit code after SIGTERM", one.exit_code),
    ]


_FILE_COLUMNS = 110


def show(report: Report) -> None:
    table = Table(title=report.title, caption=f"{report.cores}; load average {report.load_average}")
    table.add_column("", no_wrap=True)
    for entry in report.entries:
        table.add_column(f"{entry.contestant}\n{entry.source}".replace(" ", "\n"), justify="right")
    columns = [entry.lines() for entry in report.entries]
    for title in titles_of(columns):
        table.add_row(title, *(lines.get(title, "") for lines in columns))
    console = Console()
    if not console.is_terminal:
        console = Console(width=_FILE_COLUMNS)
    console.print(table)
    for source, by_contestant in report.ratios.items():
        for other, ratio in by_contestant.items():
            console.print(f"{source}: [bold]{ratio:.1f} ×[/bold] the events/s a core of {other}, in the same run")


def titles_of(columns: Iterable[Iterable[str]]) -> list[str]:
    """Each once, and after the one it follows in its own column."""
    titles: list[str] = []
    for column in columns:
        at = 0
        for title in column:
            if title in titles:
                at = titles.index(title)
            else:
                titles.insert(at, title)
            at += 1
    return titles


def store(report: Report, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
