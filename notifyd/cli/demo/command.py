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
        "notifyd demo --channels all --outage ses",
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
@click.option(
    "--channels",
    type=click.Choice(["email", "all"]),
    default="email",
    show_default=True,
    help="all: SMS, pushes and chat as well, each by its providers.",
)
@click.option(
    "--outage",
    metavar="PROVIDER",
    help="With --channels all: this provider refuses everything for a while, from half of the events on.",
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
    ctx: click.Context,
    source: str,
    events: int,
    once: bool,
    channels: str,
    outage: str | None,
    as_json: bool,
    seed: int,
    config_folder: Path,
) -> None:
    """Show the whole way on this machine: events in, messages out, every one accounted for.

    Starts an AWS and the providers on loopback, makes tables and queues, runs the daemon on them, writes users
    and events, and compares what arrives with what has to arrive. Nothing leaves the machine.
    """
    from notifyd.cli.demo.everything import PROVIDERS
    from notifyd.cli.demo.play import Play, play
    from notifyd.sandbox.world import SourceKind

    all_channels = channels == "all"
    if outage is not None and not (all_channels and outage in PROVIDERS):
        what = f"{outage} needs --channels all, and one of {', '.join(PROVIDERS)}"
        raise click.BadParameter(what, param_hint="--outage")
    plan = Play(
        SourceKind(source),
        events,
        seed,
        config_folder.absolute(),
        stay=not once,
        as_json=as_json,
        all_channels=all_channels,
        outage=outage,
    )
    fine, failure = False, None
    try:
        fine = asyncio.run(play(plan))
    except* NotifydError as failures:
        failure = _first(failures)
    if failure is not None:
        click.echo(str(failure), err=True)
        ctx.exit(INTERNAL)
    if not fine:
        ctx.exit(NO)


def _first(failures: BaseExceptionGroup[NotifydError]) -> NotifydError:
    """Parts of the demo run side by side: what failed first has ended the others."""
    failure = failures.exceptions[0]
    return _first(failure) if isinstance(failure, BaseExceptionGroup) else failure
