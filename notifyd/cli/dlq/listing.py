"""`notifyd dlq list`, and the group of its commands."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from notifyd.cli.command import Command, Group
from notifyd.cli.dlq.wanted import EVENTS, Wanted, dead_letter_desk, wanted_options
from notifyd.cli.exit_codes import CONFIG
from notifyd.cli.moments import iso
from notifyd.cli.output import echo_json, echo_table, json_option
from notifyd.cli.setup import config_option, read_config

if TYPE_CHECKING:
    from notifyd.audit.dead_letters import Found
    from notifyd.config import Config

_TITLES = ("queue", "buried", "reason", "type", "user", "delivery", "tries", "in doubt")
EXITS = {0: "done", CONFIG: "the config is wrong, or a queue is not there"}


@click.group(
    cls=Group,
    examples=[
        "notifyd dlq list --channel email --from 6h",
        "notifyd dlq redrive --reason attempts --rate 20",
        "notifyd dlq drop --type weekly_summary",
    ],
    exits=EXITS,
)
def dlq() -> None:
    """About what could not be delivered, and waits for a person.

    A DLQ can only be looked through by receiving: while a command looks, others do not see what it holds.
    """


@dlq.command(
    "list",
    cls=Command,
    examples=["notifyd dlq list", "notifyd dlq list --json | jq '.messages[].reason' | sort | uniq -c"],
    exits=EXITS,
)
@wanted_options
@config_option
@json_option
def list_(config_path: Path, as_json: bool, wanted: Wanted) -> None:
    """Show what is on the DLQs, a line a message."""
    found, unreadable = asyncio.run(_found(read_config(config_path), wanted))
    if as_json:
        echo_json({"messages": [summary(one) for one in found], "unreadable": unreadable})
        return
    echo_table(_TITLES, [tuple(map(str, summary(one).values())) for one in found])
    click.echo(f"messages: {len(found)}, unreadable: {unreadable}", err=True)


def summary(one: Found) -> dict[str, Any]:
    dead, delivery = one.message, one.message.delivery
    return {
        "queue": str(one.channel or EVENTS),
        "buried": iso(dead.at_s),
        "reason": dead.reason,
        "type": delivery.type_name if delivery else "",
        "user": delivery.user_id if delivery else "",
        "delivery": delivery.delivery_id if delivery else "",
        "tries": len(delivery.story) if delivery else 0,
        "in_doubt": "yes" if delivery and delivery.in_doubt else "",
    }


async def _found(config: Config, wanted: Wanted) -> tuple[list[Found], int]:
    from notifyd.operators import open_desk

    async with open_desk(config) as desk, dead_letter_desk(desk, wanted) as letters:
        found = [one async for part in letters.found() for one in part]
        return found, letters.unreadable
