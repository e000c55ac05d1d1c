"""What commands print: JSON for programs, a table for people, plain columns into a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click

from notifyd.cli.command import inherit
from notifyd.errors import Fault

json_option = click.option(
    "--json", "as_json", is_flag=True, callback=inherit, help="One JSON object, for programs."
)


def echo_json(value: Any) -> None:
    """One line on stdout."""
    import msgspec

    click.echo(msgspec.json.encode(value))


def echo_faults(faults: Iterable[Fault]) -> None:
    """One line each on stderr; colours only where somebody looks."""
    for fault in faults:
        where = click.style(fault.where, fg="yellow" if fault.is_warning else "red", bold=True)
        click.echo(f"{where}: {'warning: ' if fault.is_warning else ''}{fault.what}; {fault.mend}", err=True)


def echo_table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table on a terminal; else tabs between the columns, without titles, for cut and awk."""
    if not sys.stdout.isatty():
        for row in rows:
            click.echo("\t".join(row))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*titles)
    for row in rows:
        table.add_row(*row)
    Console().print(table)
