"""Moments on the command line, and how far a command has come."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import click

_AGO = re.compile(r"(\d+)([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_YEAR_10000_S = 253_402_300_800  # which no datetime holds


class Moment(click.ParamType[float]):
    """An ISO 8601 time with its zone, or how long ago; epoch seconds."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        text = str(value)
        at_s = _epoch_s(text)
        if at_s is None:
            self.fail(f"{text!r} is no time; write 2026-01-31T00:00:00Z, or 90m for 90 minutes ago", param, ctx)
        if not 0 <= at_s < _YEAR_10000_S:
            self.fail(f"{text!r} is not within the years 1970 to 9999", param, ctx)
        return at_s


def _epoch_s(text: str) -> float | None:
    from notifyd.system import SystemClock

    if ago := _AGO.fullmatch(text):
        return SystemClock().now_s() - float(ago[1]) * _SECONDS[ago[2]]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if moment.tzinfo is None else moment.timestamp()


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
