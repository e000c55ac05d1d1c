"""`notifyd leases repair`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from notifyd.cli.command import Command
from notifyd.cli.exit_codes import CONFIG, NO
from notifyd.cli.leases.listing import leases
from notifyd.cli.output import echo_faults, echo_json, echo_table, json_option
from notifyd.cli.setup import config_option, read_config
from notifyd.errors import Fault

if TYPE_CHECKING:
    from notifyd.audit.repair import Broken, Mend, Repairer
    from notifyd.config import Config
    from notifyd.operators import Desk


@leases.command(
    cls=Command,
    examples=["notifyd leases repair --all", "notifyd leases repair shardId-000000000003 --yes"],
    exits={
        0: "every item asked for is whole again, or none was damaged",
        NO: "some could not be repaired: a line each on stderr",
        CONFIG: "the config, or what it names, is wrong",
    },
)
@click.argument("shards", nargs=-1, metavar="[SHARD]...")
@config_option
@click.option("--all", "everything", is_flag=True, help="Every item that is missing or damaged.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_context
def repair(
    ctx: click.Context, shards: tuple[str, ...], config_path: Path, everything: bool, yes: bool, as_json: bool
) -> None:
    """Make missing or damaged items of shards anew.

    Reading goes on behind the checkpoint where it can still be read, else from the start of the shard. Everything
    that the shard holds now is looked up in the delivery log before it is sent, so nothing accepted is sent again.
    Where workers run it first watches for failover_time_s that none of them writes to these items.
    """
    if bool(shards) == everything:
        raise click.UsageError("name the shards, or say --all")
    faults = asyncio.run(_repair(read_config(config_path), shards, yes=yes, as_json=as_json))
    echo_faults(faults)
    if faults:
        ctx.exit(NO)


async def _repair(config: Config, shards: tuple[str, ...], *, yes: bool, as_json: bool) -> list[Fault]:
    from notifyd.operators import open_desk

    async with open_desk(config) as desk:
        repairer = await _repairer(desk)
        broken, faults = await repairer.find()
        if shards:
            broken, faults = _chosen(broken, shards)
        if broken and not as_json:
            click.echo(f"looking at {len(broken)} for {config.ledger.failover_time_s:g} s", err=True)
        mends, refused = await repairer.prepare(broken) if broken else ([], [])
        faults += refused
        if as_json:
            echo_json({"repairs": [{"key": mend.broken.key, "why": mend.broken.why} for mend in mends]})
        else:
            echo_table(("shard", "why", "goes on from", "looked up to"), map(_line, mends))
        if mends and not yes:
            click.confirm(f"Write {len(mends)} items?", abort=True, err=True)
        return faults + await repairer.write(mends)


def _chosen(broken: list[Broken], shards: tuple[str, ...]) -> tuple[list[Broken], list[Fault]]:
    """Shards may be named by their id or by their item's key."""
    known = {one.shard_id for one in broken} | {one.key for one in broken}
    faults = [
        Fault(shard, "is neither missing nor damaged", "see `notifyd leases`")
        for shard in shards
        if shard not in known
    ]
    return [one for one in broken if one.shard_id in shards or one.key in shards], faults


async def _repairer(desk: Desk) -> Repairer:
    from notifyd.audit.repair import Repairer
    from notifyd.aws.lease_repair import DynamoDbLeaseRepair
    from notifyd.cli.sources import audited_sources
    from notifyd.system import SystemClock, SystemEntropy

    config = desk.config
    service = await desk.session.lean("dynamodb", connections_max=4)
    return Repairer(
        sources=[audited.source for audited in await audited_sources(desk)],
        table=await desk.assembly.lease_table(),
        repairs=DynamoDbLeaseRepair(config.names.leases, service, timeout_s=config.aws.request_timeout_s),
        clock=SystemClock(),
        entropy=SystemEntropy(),
        failover_time_s=config.ledger.failover_time_s,
        log_ttl_s=config.log.ttl_days * 86_400.0,
    )


def _line(mend: Mend) -> tuple[str, ...]:
    from notifyd.core.sequence import checkpoint_text

    progress = mend.item.progress
    begins = progress.checkpoint.text() if progress.checkpoint is not None else checkpoint_text(mend.item.start)
    return mend.broken.key, mend.broken.why, begins, progress.claimed.text() if progress.claimed else ""
