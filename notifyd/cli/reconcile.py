"""`notifyd reconcile`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from notifyd.cli.command import Command
from notifyd.cli.exit_codes import CONFIG, NO
from notifyd.cli.moments import Moment, check_stretch, counting
from notifyd.cli.numbers import FiniteRange
from notifyd.cli.output import echo_json, json_option
from notifyd.cli.resending import make_decider, make_resender, show
from notifyd.cli.setup import config_option, read_config
from notifyd.core.filter_criteria import SourceKind

if TYPE_CHECKING:
    from notifyd.audit.parts import AuditedSource
    from notifyd.audit.reconcile import Found
    from notifyd.audit.resend import Resent
    from notifyd.audit.stretch import Stretch
    from notifyd.config import Config
    from notifyd.operators import Desk


class _Plan(msgspec.Struct, frozen=True):
    source: str | None
    stretch: Stretch
    items_per_s: float


@click.command(
    cls=Command,
    examples=[
        "notifyd reconcile --from 3d --dry-run",
        "notifyd reconcile --from 2026-01-30T00:00:00Z --to 2026-01-31T12:00:00Z --rate 500",
    ],
    exits={
        0: "every event has an account, or was handed over",
        NO: "--dry-run: some have none; else: a filter raised, or a queue refused",
        CONFIG: "the config, or what it names, is wrong",
    },
)
@config_option
@click.option("--from", "from_s", type=Moment(), required=True, help="By the events' own times.")
@click.option("--to", "to_s", type=Moment(), default="5m", show_default=True, help="Up to before this.")
@click.option("--source", metavar="TABLE", help="The table; unless given, the config's first.")
@click.option(
    "--rate", "items_per_s", type=FiniteRange(min=1), default=200.0, show_default=True, help="Items a second."
)
@click.option("--dry-run", is_flag=True, help="Only say what has no account.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_context
def reconcile(
    ctx: click.Context,
    config_path: Path,
    from_s: float,
    to_s: float,
    source: str | None,
    items_per_s: float,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Find events of the events table that the log knows nothing of, and bring them on their way.

    For an outage that outlasted the stream's retention. Every item whose `time` falls into the stretch is looked
    up in the delivery log, but for those that the stream still holds for the daemon. What has no row is handed
    to the retry queues; what is past its deadline expires there.
    """
    from notifyd.audit.stretch import Stretch

    config = read_config(config_path)
    check_stretch(from_s, to_s, ttl_days=config.log.ttl_days)
    plan = _Plan(source, Stretch(from_s, to_s), items_per_s)
    found, resent = asyncio.run(_reconcile(config, plan, write=False))
    if found.lost and not dry_run:
        if not yes:
            if not as_json:  # whose stdout is the one object at the end
                _show(found, resent, as_json=False, done=False)
            click.confirm(f"Hand {resent.queued} deliveries to the retry queues?", abort=True, err=True)
        found, resent = asyncio.run(_reconcile(config, plan, write=True))
    _show(found, resent, as_json=as_json, done=not dry_run)
    if (dry_run and found.lost) or resent.undecided or resent.refused:
        ctx.exit(NO)


async def _reconcile(config: Config, plan: _Plan, *, write: bool) -> tuple[Found, Resent]:
    from notifyd.audit.parts import Walk
    from notifyd.audit.reconcile import Reconciler
    from notifyd.aws.events_table import EventsTable
    from notifyd.operators import open_desk
    from notifyd.system import SystemClock, SystemEntropy

    clock, entropy = SystemClock(), SystemEntropy()
    async with open_desk(config) as desk:
        table, audited = await _source(desk, plan.source)
        scan = await (await desk.assembly.lease_table()).scan()
        log = await desk.assembly.delivery_log()
        walk = Walk(catalog=desk.catalog, delivery_log=log, scan=scan, clock=clock, entropy=entropy)
        resender = await make_resender(desk, await make_decider(desk), write=write, rate_per_s=None)
        service = await desk.session.lean("dynamodb", connections_max=2)
        reconciler = Reconciler(
            audited,
            EventsTable(table, service, clock, timeout_s=config.aws.request_timeout_s),
            walk=walk,
            scan=scan,
            resender=resender,
            clock=clock,
            entropy=entropy,
            items_per_s=plan.items_per_s,
        )
        with counting("items walked") as progress:
            return await reconciler.run(plan.stretch, progress), resender.resent


async def _source(desk: Desk, name: str | None) -> tuple[str, AuditedSource]:
    from notifyd.audit.parts import AuditedSource

    config = desk.config
    tables = {config.source_name(one): one for one in config.sources if one.kind is SourceKind.DYNAMODB}
    if not tables:
        raise click.UsageError("the config has no table as a source: a stream alone cannot be walked")
    if name is not None and name not in tables:
        raise click.UsageError(f"--source {name!r} is no table of the config; it has {', '.join(tables)}")
    table = name or next(iter(tables))
    setup = await desk.assembly.source(tables[table])
    return table, AuditedSource(setup.source, setup.decoder)


def _show(found: Found, resent: Resent, *, as_json: bool, done: bool) -> None:
    if as_json:
        echo_json({"found": found, "resent": resent})
        return
    show(resent, as_json=False, done=done)
    click.echo(
        f"items: {found.walked}, in the stretch: {found.in_stretch}, accounted: {found.accounted}, "
        f"still in the stream: {found.pending}, without a time: {found.undated}, "
        f"without an id of their own: {found.unnamed}, without an account: {found.lost}"
    )
