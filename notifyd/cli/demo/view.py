"""What the demo shows: a live table on a terminal, a line a second elsewhere; at the end account and mail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext

import aiohttp
from rich.columns import Columns
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from notifyd.cli.demo.figures import Figures, fetch_figures
from notifyd.cli.demo.report import Report
from notifyd.ports import Clock
from notifyd.sandbox.inbox import Mail

_LIVE_EVERY_S = 0.25
_LINE_EVERY_S = 1.0
_EVENT_TERMS = ("before_start", "filtered", "unmatched", "malformed", "duplicate", "expanded")
_DELIVERY_TERMS = ("accepted", "rejected", "expired", "waiting", "dead")


class View:
    """`written`: how many events have been written so far, told by the one who writes."""

    def __init__(self, console: Console, clock: Clock, events: int) -> None:
        self._console = console
        self._clock = clock
        self._events = events
        self.written = 0

    def say(self, text: str) -> None:
        self._console.print(text, highlight=False)

    def note_written(self, count: int) -> None:
        self.written = count

    @asynccontextmanager
    async def watching(self, admin_url: str) -> AsyncIterator[None]:
        """Shows the daemon at work while the context is open."""
        watch = asyncio.create_task(self._watch(admin_url))
        try:
            yield
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)

    async def _watch(self, admin_url: str) -> None:
        alive = self._console.is_terminal
        live = Live(console=self._console, auto_refresh=False) if alive else nullcontext()
        started_s = self._clock.elapsed_s()
        async with aiohttp.ClientSession() as http:
            with live as screen:
                while True:
                    figures = await fetch_figures(http, admin_url)
                    if figures is not None:
                        rate = figures.read / max(0.001, self._clock.elapsed_s() - started_s)
                        if screen is not None:
                            screen.update(self._table(figures, rate), refresh=True)
                        else:
                            self.say(self._line(figures, rate))
                    await self._clock.sleep(_LIVE_EVERY_S if alive else _LINE_EVERY_S)

    def _line(self, figures: Figures, rate: float) -> str:
        suppressed = " ".join(f"{reason}={count}" for reason, count in sorted(figures.suppressed.items())) or "0"
        return (
            f"written {self.written}/{self._events}  read {figures.read}  accepted {figures.accepted}  "
            f"suppressed {suppressed}  waiting {figures.waiting}  dead {figures.dead}  "
            f"{rate:.0f} events/s  p50 ≤ {figures.p50_ms:.0f} ms  p99 ≤ {figures.p99_ms:.0f} ms"
        )

    def _table(self, figures: Figures, rate: float) -> Panel:
        left, right = (Table.grid(padding=(0, 3)) for _ in range(2))
        left.add_row("written", f"{self.written} / {self._events}")
        left.add_row("read", str(figures.read))
        left.add_row("accepted", f"[green]{figures.accepted}")
        for reason, count in sorted(figures.suppressed.items()):
            left.add_row("suppressed", f"{count} {reason}")
        right.add_row("waiting", str(figures.waiting))
        right.add_row("dead", str(figures.dead))
        right.add_row("events/s", f"{rate:.0f}")
        right.add_row("p50, p99", f"≤ {figures.p50_ms:.0f} ms, ≤ {figures.p99_ms:.0f} ms")
        return Panel(Columns([left, right], padding=(0, 6)), title="notifyd", expand=False)

    def show_account(self, report: Report, faults: list[str]) -> None:
        """Both equations as sums, then what was found wrong."""
        sums = Table(title="The account", title_justify="left", show_header=False, box=None, padding=(0, 2))
        sums.add_row("[bold]events read", str(report.events_in))
        for term in _EVENT_TERMS:
            sums.add_row(f"  {term}", str(getattr(report, term)))
        sums.add_row("[bold]deliveries planned", str(report.planned))
        for term in _DELIVERY_TERMS:
            sums.add_row(f"  {term}", str(getattr(report, term)))
        for reason, count in report.suppressed.items():
            sums.add_row(f"  suppressed: {reason}", str(count))
        sums.add_row("[bold]residue, lost, duplicates", f"{report.residue}, {report.lost}, {report.duplicates}")
        self._console.print(sums)
        self.say(
            f"{report.events_per_s:.0f} events/s, source to accepted p50 {report.p50_ms:.0f} ms, "
            f"p99 {report.p99_ms:.0f} ms"
        )
        for fault in faults:
            self._console.print(f"wrong: {fault}", style="bold red", highlight=False)

    def show_mail(self, mail: Mail) -> None:
        """One of the mails, as it was sent."""
        head = Text(f"From: {mail.sender}\nTo: {mail.address}\nSubject: {mail.subject}\n")
        for name, value in mail.headers.items():
            head.append(f"{name}: {value}\n")
        for name, value in mail.tags.items():
            head.append(f"tag {name}: {value}\n", style="dim")
        self._console.print(Panel(Group(head, Text(mail.text)), title="One of the mails", expand=False))
