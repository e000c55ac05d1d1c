"""What a run promises and what it measured: a table for people, JSON for programs, and the exit code."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from notifyd.cli.output import echo_json

# Wide enough for every row where no terminal sets a width.
_PIPE_WIDTH = 200


class Promise(msgspec.Struct, frozen=True, omit_defaults=True):
    """Kept where `value` lies within its bounds; None, never measured, is not."""

    name: str
    value: float | None
    at_most: float | None = None
    at_least: float | None = None

    @property
    def is_kept(self) -> bool:
        if self.value is None:
            return False
        return (self.at_most is None or self.value <= self.at_most) and (
            self.at_least is None or self.value >= self.at_least
        )

    @property
    def bound_text(self) -> str:
        bounds = (("≤ ", self.at_most), ("≥ ", self.at_least))
        return " ".join(f"{sign}{number(bound)}" for sign, bound in bounds if bound is not None)


class Result(msgspec.Struct):
    """`rows`: what was seen fault by fault. `load_average`: of the machine, over the run's last minute."""

    name: str
    options: dict[str, Any]
    rows: list[dict[str, Any]]
    promises: list[Promise]
    cores: int = os.cpu_count() or 1
    load_average: float = 0.0

    @property
    def broken(self) -> list[Promise]:
        return [promise for promise in self.promises if not promise.is_kept]


def show(result: Result, *, as_json: bool) -> None:
    result.load_average = round(os.getloadavg()[0], 1)
    if as_json:
        echo_json(result)
        return
    if result.rows:
        titles = list(result.rows[0])
        _print_table(titles, [[_text(row[title]) for title in titles] for row in result.rows])
    _print_table(
        [result.name, "measured", "promised", ""],
        [
            [promise.name, number(promise.value), promise.bound_text, "kept" if promise.is_kept else "BROKEN"]
            for promise in result.promises
        ],
    )


def _print_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Plain columns where nobody looks."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=_PIPE_WIDTH)
    table = Table(box=SIMPLE_HEAD if console.is_terminal else None)
    for title in titles:
        table.add_column(title)
    for row in rows:
        table.add_row(*row)
    console.print(table)


def number(value: float | None) -> str:
    return "never" if value is None else f"{value:.2f}".rstrip("0").rstrip(".")


def _text(value: object) -> str:
    return number(value) if isinstance(value, float) or value is None else str(value)


def largest(values: Sequence[float | None]) -> float | None:
    """None where one of them was never measured, for that is the worst of all; 0 of none."""
    known = [value for value in values if value is not None]
    return max(known, default=0.0) if len(known) == len(values) else None
