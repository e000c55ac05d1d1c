"""`notifyd dlq show`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from notifyd.cli.command import Command
from notifyd.cli.dlq.listing import EXITS, dlq
from notifyd.cli.dlq.wanted import Wanted, dead_letter_desk, wanted_options
from notifyd.cli.exit_codes import NO
from notifyd.cli.setup import config_option, read_config

if TYPE_CHECKING:
    from notifyd.audit.dead_letters import Found
    from notifyd.config import Config
    from notifyd.core.log_row import LogRow
    from notifyd.ports import DeliveryLog


@dlq.command(
    cls=Command,
    examples=[
        "notifyd dlq show --delivery GE3DQOJQGEZTCMRRGU2TQMZSGQ",
        "notifyd dlq show --reason template --limit 1",
    ],
    exits={**EXITS, NO: "no such message"},
)
@wanted_options
@config_option
@click.pass_context
def show(ctx: click.Context, config_path: Path, wanted: Wanted) -> None:
    """Print messages whole, as JSON, each with its rows in the delivery log. They hold personal data."""
    shown = asyncio.run(_show(read_config(config_path), wanted))
    for one, rows in shown:
        plain = {"queue": str(one.channel or "events"), "message": one.message, "log": rows}
        click.echo(msgspec.json.format(msgspec.json.encode(plain), indent=2))
    if not shown:
        ctx.exit(NO)


async def _show(config: Config, wanted: Wanted) -> list[tuple[Found, list[LogRow]]]:
    from notifyd.operators import open_desk

    async with open_desk(config) as desk, dead_letter_desk(desk, wanted) as letters:
        log = await desk.assembly.delivery_log()
        found = [one async for part in letters.found() for one in part]
        return [(one, await _rows(log, one)) for one in found]


async def _rows(log: DeliveryLog, one: Found) -> list[LogRow]:
    delivery = one.message.delivery
    if delivery is None:
        return []
    rows = await log.rows_of_event(delivery.event_id)
    return sorted((row for row in rows if row.delivery_id == delivery.delivery_id), key=lambda row: row.at_s)
