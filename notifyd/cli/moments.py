"""Moments on the command line, and how far a command has come."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import click

_AGO = re.compile(r"(\d+)([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class Moment(click.ParamType[float]):
    """An ISO 8601 time with its zone, or how long ago; epoch seconds."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        from notifyd.system import SystemClock

        text = str(value)
        if ago := _AGO.fullmatch(text):
            return SystemClock().now_s() - int(ago[1]) * _SECONDS[ago[2]]
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            self.fail(f"{text!r} is no time; write 2026-01-31T00:00:00Z, or 90m for 90 minutes ago", param, ctx)
        return moment.timestamp()


def iso(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def check_stretch(from_s: float, to_s: float, *, ttl_days: int) -> None:
    """Raises UsageError for one that is empty, or older than the rows that it would be compared with."""
    from notifyd.system import SystemClock

    if to_s <= from_s:
        raise click.UsageError(f"--to {iso(to_s)} is not after --from {iso(from_s)}")
    oldest_s = SystemClock().now_s() - ttl_days * 86_400
    if from_s < oldest_s:
        what = f"--from {iso(from_s)} is older than the log's rows, which live for {ttl_days} days"
        raise click.UsageError(f"{what}: begin after {iso(oldest_s)}")


@contextmanager
def counting(what: str) -> Iterator[Callable[[int], None]]:
    """Shows a count on stderr while somebody looks; into a file or pipe it says nothing."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status(f"{what}: 0") as status:
        yield lambda count: status.update(f"{what}: {count}")
