"""What the demo shows: a live table on a terminal, a line a second elsewhere; at the end account and mail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

import aiohttp
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from notifyd.cli.demo.channel_view import channels_table, channels_text
from notifyd.cli.demo.figures import Figures, fetch_figures
from notifyd.cli.demo.report import Report
from notifyd.ports import Clock
from notifyd.sandbox.inbox import Mail

_LIVE_EVERY_S = 0.25
_LINE_EVERY_S = 1.0
_EVENT_TERMS = ("before_start", "filtered", "unmatched", "malformed", "duplicate", "expanded")
_DELIVERY_TERMS = ("accepted", "rejected", "expired", "waiting", "dead")


class View:
    def __init__(self, console: Console, clock: Clock, events: int) -> None:
        self.console = console
        self._clock = clock
        self._events = events
        self._written = 0

    def say(self, text: str) -> None:
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def note_written(self, count: int) -> None:
        """How many events have been written so far."""
        self._written = count

    @asynccontextmanager
    async def watching(self, admin_url: str) -> AsyncIterator[None]:
        """Shows the daemon at work while the context is open."""
        async with asyncio.TaskGroup() as tasks:
            watch = tasks.create_task(self._watch(admin_url))
            try:
                yield
            finally:
                watch.cancel()

    async def _watch(self, admin_url: str) -> None:
        live = Live(console=self.console, auto_refresh=False) if self.console.is_terminal else None
        started_s = self._clock.elapsed_s()
        async with aiohttp.ClientSession() as http:
            with live or nullcontext():
                while True:
                    figures = await fetch_figures(http, admin_url)
                    if figures is not None:
                        rate_per_s = figures.read / (self._clock.elapsed_s() - started_s)
                        if live is not None:
                            live.update(self.table(figures, rate_per_s), refresh=True)
                        else:
                            self.say(self.line(figures, rate_per_s))
                    await self._clock.sleep(_LINE_EVERY_S if live is None else _LIVE_EVERY_S)

    def line(self, figures: Figures, rate_per_s: float) -> str:
        suppressed = " ".join(f"{reason}={count}" for reason, count in sorted(figures.suppressed.items())) or "0"
        return (
            f"written {self._written}/{self._events}  read {figures.read}  accepted {figures.accepted}  "
            f"suppressed {suppressed}  malformed {figures.malformed}  waiting {figures.waiting}  "
            f"dead {figures.dead}  {rate_per_s:.0f} events/s  "
            f"p50 ≤ {figures.p50_ms:.0f} ms  p99 ≤ {figures.p99_ms:.0f} ms{channels_text(figures)}"
        )

    def table(self, figures: Figures, rate_per_s: float) -> Panel:
        left, right = (Table.grid(padding=(0, 3)) for _ in range(2))
        left.add_row("written", f"{self._written} / {self._events}")
        left.add_row("read", str(figures.read))
        left.add_row("malformed", str(figures.malformed))
        left.add_row("accepted", f"[green]{figures.accepted}")
        for reason, count in sorted(figures.suppressed.items()):
            left.add_row("suppressed", f"{count} {reason}")
        right.add_row("waiting", str(figures.waiting))
        right.add_row("dead", str(figures.dead))
        right.add_row("events/s", f"{rate_per_s:.0f}")
        right.add_row("p50, p99", f"≤ {figures.p50_ms:.0f} ms, ≤ {figures.p99_ms:.0f} ms")
        both = Table.grid(padding=(0, 3))
        both.add_row(left, right)
        return Panel(Group(both, *channels_table(figures)), title="notifyd", expand=False)

    def show_account(self, report: Report, faults: list[str]) -> None:
        """Both equations as sums, then what was found wrong."""
        sums = Table.grid(padding=(0, 2))
        sums.add_column()
        sums.add_column(justify="right")
        sums.add_row("[bold]read", str(report.events_in))
        for term in _EVENT_TERMS:
            sums.add_row(f"  {term}", str(getattr(report, term)))
        sums.add_row("[bold]planned", str(report.planned))
        for term in _DELIVERY_TERMS:
            sums.add_row(f"  {term}", str(getattr(report, term)))
        for reason, count in report.suppressed.items():
            sums.add_row(f"  suppressed: {reason}", str(count))
        sums.add_row("[bold]residue, lost, duplicates", f"{report.residue}, {report.lost}, {report.duplicates}")
        self.console.print(sums)
        self.say(
            f"{report.events_per_s:.0f} events/s, source to accepted p50 {report.p50_ms:.0f} ms, "
            f"p99 {report.p99_ms:.0f} ms"
        )
        for fault in faults:
            self.console.print(f"wrong: {fault}", style="bold red", highlight=False, markup=False, soft_wrap=True)

    def show_mail(self, mail: Mail) -> None:
        """One of the mails, as it was sent."""
        head = Text(f"From: {mail.sender}\nTo: {mail.address}\nSubject: {mail.subject}\n")
        for name, value in mail.headers.items():
            head.append(f"{name}: {value}\n")
        for name, value in mail.tags.items():
            head.append(f"tag {name}: {value}\n", style="dim")
        self.console.print(Panel(Group(head, Text(mail.text)), title="One of the mails", expand=False))
