"""`notifyd dlq redrive`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from notifyd.cli.command import Command
from notifyd.cli.dlq.listing import EXITS, dlq
from notifyd.cli.dlq.wanted import Wanted, dead_letter_desk, wanted_options
from notifyd.cli.exit_codes import NO
from notifyd.cli.numbers import FiniteRange
from notifyd.cli.output import echo_json, json_option
from notifyd.cli.setup import config_option, read_config

if TYPE_CHECKING:
    from notifyd.audit.dead_letters import Redriven
    from notifyd.config import Config


@dlq.command(
    cls=Command,
    examples=[
        "notifyd dlq redrive --channel email --reason attempts --rate 20",
        "notifyd dlq redrive --reason deadline --deadline-s 3600",
        "notifyd dlq redrive --reason in_doubt_held --force",
    ],
    exits={**EXITS, NO: "some stayed: in doubt, past their deadline, no deliveries, or refused by the queue"},
)
@wanted_options
@click.option("--rate", "rate_per_s", type=FiniteRange(min=0, min_open=True), help="Messages a second.")
@click.option("--deadline-s", type=FiniteRange(min=1), help="A new deadline, from now; else each keeps its own.")
@click.option("--force", is_flag=True, help="Also what may have been sent: listed as possible duplicates.")
@config_option
@json_option
@click.pass_context
def redrive(
    ctx: click.Context,
    config_path: Path,
    as_json: bool,
    rate_per_s: float | None,
    deadline_s: float | None,
    force: bool,
    wanted: Wanted,
) -> None:
    """Hand messages back to their retry queues; the daemon sends them, with tries counted anew.

    The log is asked of each: what was accepted meanwhile is taken off and not sent. What may have been sent stays,
    unless forced. Settings and suppression are asked again before each attempt.
    """
    redriven = asyncio.run(_redrive(read_config(config_path), wanted, rate_per_s, deadline_s, force=force))
    fates = redriven.fates
    if as_json:
        echo_json(redriven)
    else:
        said = ", ".join(f"{fate.replace('_', ' ')}: {count}" for fate, count in sorted(fates.items()))
        click.echo(f"{said or 'nothing found'}; refused by the queue: {redriven.refused}")
    if redriven.refused or any(fates[stays] for stays in ("in_doubt", "past_deadline", "no_delivery")):
        ctx.exit(NO)


async def _redrive(
    config: Config, wanted: Wanted, rate_per_s: float | None, deadline_s: float | None, *, force: bool
) -> Redriven:
    from notifyd.audit.dead_letters import Redriver
    from notifyd.core.dead_letter import Redrive
    from notifyd.operators import open_desk
    from notifyd.system import SystemClock

    clock = SystemClock()
    now_s = clock.now_s()
    how = Redrive(now_s, None if deadline_s is None else now_s + deadline_s, force)
    async with open_desk(config) as desk:
        redriver = Redriver(
            delivery_log=await desk.assembly.delivery_log(),
            retry_queues=await desk.assembly.retry_queues(),
            clock=clock,
            rate_per_s=rate_per_s,
        )
        async with dead_letter_desk(desk, wanted) as letters:
            await redriver.redrive(letters, how)
    return redriver.redriven
