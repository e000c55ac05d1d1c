"""The command itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from notifyd.cli.command import Command
from notifyd.cli.exit_codes import INTERNAL, NO
from notifyd.cli.output import json_option
from notifyd.errors import NotifydError


@click.command(
    cls=Command,
    examples=[
        "notifyd demo",
        "notifyd demo --source kinesis --events 10000",
        "notifyd demo --once --json | tail -1 | jq .residue",
    ],
    exits={
        0: "residue, lost and duplicates are 0",
        NO: "one of them is not, or the account is not what the generator expects",
        INTERNAL: "a part of the demo did not start",
    },
)
@click.option(
    "--source",
    type=click.Choice(["dynamodb", "kinesis"]),
    default="dynamodb",
    show_default=True,
    help="What the daemon reads: the events table's stream, or a Kinesis stream.",
)
@click.option("--events", type=click.IntRange(1, 1_000_000), default=2000, show_default=True, help="How many.")
@click.option(
    "--once/--stay", default=True, show_default=True, help="--stay: leave it running to look around, until Ctrl-C."
)
@json_option
@click.option("--seed", default=1, show_default=True, help="Another seed is another world.")
@click.option(
    "--config-folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=Path("config"),
    show_default=True,
    help="Holds notifications.yaml and templates/.",
)
@click.pass_context
def demo(
    ctx: click.Context, source: str, events: int, once: bool, as_json: bool, seed: int, config_folder: Path
) -> None:
    """Show the whole way on this machine: events in, e-mails out, every one accounted for.

    Starts an AWS and a mail service on loopback, makes tables and queues, runs the daemon on them, writes users
    and events, and compares what arrives with what has to arrive. Nothing leaves the machine.
    """
    from notifyd.cli.demo.play import Play, play
    from notifyd.sandbox.world import SourceKind

    plan = Play(SourceKind(source), events, seed, config_folder.absolute(), stay=not once, as_json=as_json)
    try:
        fine = asyncio.run(play(plan))
    except NotifydError as error:
        click.echo(str(error), err=True)
        ctx.exit(INTERNAL)
    if not fine:
        ctx.exit(NO)
