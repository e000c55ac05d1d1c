"""What the demo shows of its channels, where there is more than e-mail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from notifyd.cli.demo.figures import ChannelFigures, Figures
from notifyd.cli.demo.outage import OutageReport
from notifyd.cli.demo.report import Report
from notifyd.sandbox.account import ChannelAccount
from notifyd.sandbox.oracle import Finding
from notifyd.sandbox.provider_sandbox import Sandbox

_PROVIDER_CHARS = 13
_ADDRESS_CHARS = 24


def channels_text(figures: Figures) -> str:
    """The end of a line; empty where there is but one channel."""
    if len(figures.channels) < 2:
        return ""
    accepted = " ".join(f"{channel}={one.accepted}" for channel, one in figures.channels.items())
    return f"  {accepted}  {_down_text(figures)}".rstrip()


def channels_table(figures: Figures) -> Iterator[Table | str]:
    """Nothing where there is but one channel."""
    if len(figures.channels) < 2:
        return
    terms = ChannelFigures.__struct_fields__
    table = _table("channel", *terms)
    for channel, one in figures.channels.items():
        table.add_row(channel, *(str(getattr(one, term)) for term in terms))
    yield table
    if figures.down:
        yield _down_text(figures)


def show_channels(console: Console, report: Report, finding: Finding) -> None:
    """Each channel's account beside what its mailboxes held, then the outage, if there was one."""
    if isinstance(report.channels, msgspec.UnsetType):
        return
    terms = ChannelAccount.__struct_fields__
    lost = Counter(mail.channel for mail in finding.lost)
    table = _table("channel", *terms, "lost", "duplicates")
    for channel, one in report.channels.items():
        seen = (lost[channel], finding.again.get(channel, 0))
        table.add_row(channel, *(str(count) for count in (*(getattr(one, term) for term in terms), *seen)))
    console.print(table)
    if isinstance(report.outage, OutageReport):
        _show_outage(console, report.outage, report.in_doubt)


def show_messages(console: Console, sandbox: Sandbox) -> None:
    """The first that each provider took, but for mails."""
    table = Table(box=None, padding=(0, 2, 0, 0), title="One of each", title_justify="left", title_style="bold")
    table.add_column("provider", no_wrap=True, min_width=_PROVIDER_CHARS)
    table.add_column("to", no_wrap=True, min_width=_ADDRESS_CHARS, max_width=_ADDRESS_CHARS)
    table.add_column("what it took", no_wrap=True)
    for name, desk in sandbox.desks.items():
        if name != "sendgrid" and desk.inbox.messages:
            message = desk.inbox.messages[0]
            shown = " ".join(f"{message.subject} {message.text}".split())
            table.add_row(name, Text(message.address), Text(shown))
    console.print(table)


def _show_outage(console: Console, outage: OutageReport, in_doubt: int) -> None:
    console.print(
        f"{outage.provider} was down for {outage.seconds:g} s and refused {outage.refused} requests; "
        f"{in_doubt} deliveries were in doubt and are listed",
        highlight=False,
    )
    table = _table("meanwhile", "took", "breaker", "weight", "at rest")
    for one in outage.providers:
        weight = "" if one.weight is None else f"{one.weight:.0%}"
        table.add_row(one.provider, str(one.taken), " ".join(one.breakers), weight, f"{one.resting_weight:.0%}")
    console.print(table)


def _down_text(figures: Figures) -> str:
    return f"breaker open: {', '.join(figures.down)}" if figures.down else ""


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")
    return table
