"""`notifyd dlq drop`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from notifyd.cli.command import Command
from notifyd.cli.dlq.listing import EXITS, dlq
from notifyd.cli.dlq.wanted import Wanted, dead_letter_desk, wanted_options
from notifyd.cli.output import echo_json, json_option
from notifyd.cli.setup import config_option, read_config

if TYPE_CHECKING:
    from notifyd.config import Config


@dlq.command(
    cls=Command,
    examples=[
        "notifyd dlq drop --reason deadline --to 2d",
        "notifyd dlq drop --delivery GE3DQOJQGEZTCMRRGU2TQMZSGQ",
    ],
    exits=EXITS,
)
@wanted_options
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
@json_option
def drop(config_path: Path, as_json: bool, yes: bool, wanted: Wanted) -> None:
    """Take messages off the DLQ for good. Their deliveries stay `dead` in the log."""
    config = read_config(config_path)
    if not yes:
        count = asyncio.run(_drop(config, wanted, really=False))
        click.confirm(f"Drop {count} messages for good?", abort=True, err=True)
    count = asyncio.run(_drop(config, wanted, really=True))
    if as_json:
        echo_json({"dropped": count})
    else:
        click.echo(f"dropped: {count}")


async def _drop(config: Config, wanted: Wanted, *, really: bool) -> int:
    from notifyd.operators import open_desk

    count = 0
    async with open_desk(config) as desk, dead_letter_desk(desk, wanted) as letters:
        async for part in letters.found():
            count += len(part)
            if really:
                await letters.delete(part)
    return count
