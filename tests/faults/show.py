"""Progress on stderr, so that stdout is the result's alone."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console

Say = Callable[[str], None]


def sayer() -> Say:
    console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    return lambda text: console.log(text) if console.is_terminal else console.print(text)
