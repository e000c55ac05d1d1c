"""`notifyd audit`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from notifyd.cli.command import Command
from notifyd.cli.exit_codes import CONFIG, NO
from notifyd.cli.moments import Moment, check_stretch, counting, iso
from notifyd.cli.output import echo_json, echo_table, json_option
from notifyd.cli.setup import config_option, read_config

if TYPE_CHECKING:
    from notifyd.audit.auditor import Report
    from notifyd.audit.stretch import Stretch
    from notifyd.config import Config
    from notifyd.core.standing import DeliveryFound


@click.command(
    cls=Command,
    examples=[
        "notifyd audit",
        "notifyd audit --from 2026-01-31T00:00:00Z --to 2026-01-31T06:00:00Z",
        "notifyd audit --from 24h --in-doubt",
        "notifyd audit --json | jq .residue",
    ],
    exits={
        0: "both equations hold: residue 0, no gap",
        NO: "a residue is not 0, or the stream lost records before they were read",
        CONFIG: "the config, or what it names, is wrong",
    },
)
@config_option
@click.option("--from", "from_s", type=Moment(), default="1h", show_default=True, help="A time, or how long ago.")
@click.option("--to", "to_s", type=Moment(), default="0s", help="Up to before this; unless given, now.")
@click.option("--in-doubt", is_flag=True, help="List each delivery of which nobody knew whether it was taken.")
@json_option
@click.pass_context
def audit(
    ctx: click.Context, config_path: Path, from_s: float, to_s: float, in_doubt: bool, as_json: bool
) -> None:
    """Reconcile stream, ledger, log and queues over a stretch of time.

    Reads the stream again, matches each event with the catalog as it stands, and looks for the rows of each
    user and channel in the delivery log. Nothing is written. What the stream no longer holds is not seen.
    """
    from notifyd.audit.stretch import Stretch

    config = read_config(config_path)
    check_stretch(from_s, to_s, ttl_days=config.log.ttl_days)
    with counting("records checked") as progress:
        report = asyncio.run(_audit(config, Stretch(from_s, to_s), progress))
    if as_json:
        echo_json(report)
    else:
        _show(report)
        if in_doubt:
            policies = _policies(config)
            echo_table(
                ("event", "delivery", "user", "type", "channel", "policy", "when", "now"),
                (_doubt(found, policies) for found in report.in_doubt),
            )
    if not report.holds:
        ctx.exit(NO)


async def _audit(config: Config, stretch: Stretch, progress: Callable[[int], None]) -> Report:
    from notifyd.audit.auditor import Auditor
    from notifyd.audit.parts import Walk
    from notifyd.cli.sources import audited_sources
    from notifyd.operators import open_desk
    from notifyd.system import SystemClock, SystemEntropy

    clock = SystemClock()
    async with open_desk(config) as desk:
        assembly = desk.assembly
        delivery_log = await assembly.delivery_log()
        scan = await (await assembly.lease_table()).scan()
        auditor = Auditor(
            walk=Walk(
                catalog=desk.catalog, delivery_log=delivery_log, scan=scan, clock=clock, entropy=SystemEntropy()
            ),
            scan=scan,
            delivery_log=delivery_log,
            retry_queues=await assembly.retry_queues(),
            dead_letters=await assembly.dead_letters(),
            clock=clock,
        )
        return await auditor.audit(await audited_sources(desk), stretch, progress)


def _policies(config: Config) -> dict[str, str]:
    from notifyd.catalog_file import load_catalog

    return {one_type.name: one_type.in_doubt for one_type in load_catalog(config.catalog).types}


def _doubt(found: DeliveryFound, policies: dict[str, str]) -> tuple[str, ...]:
    row = found.row
    policy = policies.get(row.type_name, "")
    return (
        *(row.event_id, row.delivery_id, row.user_id, row.type_name, row.channel or ""),
        *(policy, iso(row.at_s), found.standing),
    )


def _show(report: Report) -> None:
    click.echo(f"{iso(report.from_s)} to {iso(report.to_s)}")
    click.echo(_equation(report.events) + (f"  (not read yet: {report.unread})" if report.unread else ""))
    click.echo(_equation(report.deliveries))
    for what, depths in (("retry queues", report.retry_depth), ("DLQs", report.dead_letter_depth)):
        click.echo(f"{what}: " + ", ".join(f"{name} {depth}" for name, depth in depths.items()))
    _list(
        "missing, without a row",
        ((one.event_id, one.user_id, one.type_name, one.channel or "", one.position) for one in report.missing),
    )
    _list(
        f"{report.stranded_count} of these wait without a message on their retry queue",
        ((row.event_id, row.delivery_id, row.user_id, row.channel or "") for row in report.stranded),
    )
    _list("lost by the stream before it was read", ((row.position, str(row.detail)) for row in report.gaps))
    _list("without a readable item in the lease table", ((key,) for key in report.unknown_shards))
    _list(
        f"possible duplicates: {report.possible_duplicates_count}",
        ((one.row.event_id, one.row.delivery_id, one.row.user_id) for one in report.possible_duplicates),
    )
    for key, counts in report.ledger.items():
        click.echo(f"ledger {key}: " + _equation(counts))
    click.echo(f"in doubt: {report.in_doubt_count}")
    click.echo(click.style(f"residue: {report.residue}", fg="green" if report.holds else "red", bold=True))


def _equation(terms: dict[str, int]) -> str:
    (whole, count), *parts = terms.items()
    return f"{whole} {count} = " + " + ".join(f"{name} {part}" for name, part in parts)


def _list(title: str, rows: Iterable[tuple[str, ...]]) -> None:
    listed = list(rows)
    if listed:
        click.echo(f"{title}:")
        for row in listed:
            click.echo("  " + "  ".join(row))
