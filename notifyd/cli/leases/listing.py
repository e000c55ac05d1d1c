"""`notifyd leases`: the lease table as it stands."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from notifyd.cli.command import Group
from notifyd.cli.exit_codes import CONFIG
from notifyd.cli.output import echo_faults, echo_json, echo_table, json_option
from notifyd.cli.setup import config_option, read_config
from notifyd.errors import Fault

if TYPE_CHECKING:
    from notifyd.config import Config
    from notifyd.core.lease_report import LeaseRow
    from notifyd.ports import LeaseScan

_TITLES = ("source", "shard", "state", "owner", "epoch", "checkpoint", "age", "claimed", "unsettled", "parents")
_SHORT_CHARS = 12


@click.group(
    cls=Group,
    invoke_without_command=True,
    examples=[
        "notifyd leases",
        """notifyd leases --json | jq '.leases[] | select(.state == "left")'""",
        "notifyd leases repair --all",
    ],
    exits={0: "listed", CONFIG: "the config is wrong, or there is no lease table"},
)
@config_option
@json_option
@click.pass_context
def leases(ctx: click.Context, config_path: Path, as_json: bool) -> None:
    """Show who holds which shard, how far it is, and what is damaged.

    `age` is the time since the arrival of the last record behind the checkpoint; `unsettled` counts records
    behind it that are claimed, and the bytes that they take in the shard's item.
    """
    from notifyd.core.lease_report import lease_rows, worker_rows
    from notifyd.core.repair import unreadable
    from notifyd.system import SystemClock

    if ctx.invoked_subcommand is not None:
        return
    scan = asyncio.run(_scan(read_config(config_path)))
    rows = lease_rows(scan.shards, scan.heartbeats, SystemClock().now_s())
    workers = worker_rows(scan.shards, scan.heartbeats)
    damaged = {damage.key: damage.why for damage in scan.damaged} | unreadable(scan.shards)
    if as_json:
        found = [{"key": key, "why": why} for key, why in damaged.items()]
        echo_json({"leases": rows, "workers": workers, "damaged": found})
        return
    shorten = _shortened if sys.stdout.isatty() else str
    echo_table(_TITLES, (_line(row, shorten) for row in rows))
    echo_table(
        ("worker", "counter", "holds", "owns"),
        [(row.worker, str(row.counter), str(row.leases_held), str(row.leases_owned)) for row in workers],
    )
    mend = "stop its worker, then `notifyd leases repair`"
    echo_faults(Fault(key, why, mend) for key, why in damaged.items())


async def _scan(config: Config) -> LeaseScan:
    from notifyd.operators import open_desk

    async with open_desk(config) as desk:
        return await (await desk.assembly.lease_table()).scan()


def _line(row: LeaseRow, shorten: Callable[[str], str]) -> tuple[str, ...]:
    return (
        row.source,
        shorten(row.shard),
        row.state,
        shorten(row.owner),
        str(row.epoch),
        shorten(row.checkpoint),
        "" if row.iterator_age_s is None else f"{row.iterator_age_s:.0f} s",
        shorten(row.claimed),
        f"{row.unsettled} ({row.unsettled_bytes} B)",
        " ".join(map(shorten, row.parents)),
    )


def _shortened(name: str) -> str:
    """Ids and sequence numbers differ in their ends; whole they would not fit on a terminal."""
    return name if len(name) <= _SHORT_CHARS else "…" + name[-_SHORT_CHARS:]
