"""`notifyd leases import`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from notifyd.cli.command import Command
from notifyd.cli.exit_codes import CONFIG
from notifyd.cli.leases.listing import leases
from notifyd.cli.moments import Moment
from notifyd.cli.output import echo_json, echo_table, json_option
from notifyd.cli.setup import config_option, read_config

if TYPE_CHECKING:
    from notifyd.audit.kcl_import import KclImporter, Takeover
    from notifyd.config import Config
    from notifyd.config_sections import SourceSection
    from notifyd.operators import Desk


@leases.command(
    name="import",
    cls=Command,
    examples=["notifyd leases import --kcl orders-app --dry-run", "notifyd leases import --kcl orders-app"],
    exits={
        0: "taken over",
        CONFIG: "KCL is at work, or notifyd is already, or a lease is of no use: one line a fault",
    },
)
@config_option
@click.option("--kcl", "table", required=True, metavar="TABLE", help="The KCL application's lease table.")
@click.option(
    "--source",
    metavar="NAME",
    help="The table or stream, or kind:name; unless given, the config's first.",
)
@click.option(
    "--timestamp", "timestamp_s", type=Moment(), help="The application's own, for leases at AT_TIMESTAMP."
)
@click.option("--dry-run", is_flag=True, help="Only say what would be written.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def import_kcl(
    config_path: Path,
    table: str,
    source: str | None,
    timestamp_s: float | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Go on where a KCL application stopped: its checkpoints become ours.

    The application has to be stopped: its leases are watched for 10 s. Its table is left as it is. What arrived
    behind a checkpoint is sent by notifyd; what came before it was the application's, and is never looked up.
    """
    asyncio.run(
        _import(read_config(config_path), table, source, timestamp_s, dry_run=dry_run, yes=yes, as_json=as_json)
    )


async def _import(
    config: Config,
    table: str,
    source: str | None,
    timestamp_s: float | None,
    *,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    from notifyd.operators import open_desk

    async with open_desk(config) as desk:
        importer = await _importer(desk, table, source)
        takeover = await importer.prepare(timestamp_s)
        if as_json:
            echo_json(_lines(takeover))
        else:
            echo_table(("shard", "goes on from"), _lines(takeover).items())
        if dry_run:
            return
        if not yes:
            click.confirm(
                f"Write {len(takeover.imported.items)} shards of {takeover.source}?", abort=True, err=True
            )
        await importer.write(takeover)


async def _importer(desk: Desk, table: str, name: str | None) -> KclImporter:
    from notifyd.audit.kcl_import import KclImporter
    from notifyd.aws.kcl_table import KclTable
    from notifyd.system import SystemClock

    config = desk.config
    section = source_section(config, name)
    setup = await desk.assembly.source(section)
    service = await desk.session.lean("dynamodb", connections_max=2)
    kcl = KclTable(table, service, timeout_s=config.aws.request_timeout_s)
    return KclImporter(
        setup.source, config.source_name(section), kcl, await desk.assembly.lease_table(), SystemClock()
    )


def source_section(config: Config, name: str | None) -> SourceSection:
    """A table and a stream may have one name, as they do by default: then the kind stands before it."""
    if name is None:
        return config.sources[0]
    known = [(config.source_name(section), section) for section in config.sources]
    found = [section for own, section in known if name in (own, f"{section.kind}:{own}")]
    if len(found) != 1:
        what = "is several sources" if found else "is no source"
        has = ", ".join(f"{section.kind}:{own}" for own, section in known)
        raise click.UsageError(f"--source {name!r} {what} of the config; it has {has}")
    return found[0]


def _lines(takeover: Takeover) -> dict[str, str]:
    from notifyd.core.sequence import checkpoint_text

    places = {
        item.shard_id: item.progress.checkpoint.text() if item.progress.checkpoint else checkpoint_text(item.start)
        for item in takeover.imported.items
    }
    return places | dict.fromkeys(takeover.imported.untold, "TRIM_HORIZON, when it is listed")
