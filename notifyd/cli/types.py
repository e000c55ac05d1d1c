"""`notifyd types …`: pausing a notification type for the whole fleet."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from notifyd.cli.command import Command, Group
from notifyd.cli.exit_codes import CONFIG
from notifyd.cli.output import echo_json, echo_table, json_option
from notifyd.cli.setup import config_option, read_config
from notifyd.errors import ConfigError, Fault

if TYPE_CHECKING:
    from notifyd.config import Config
    from notifyd.core.catalog import Catalog

_EXITS = {0: "done", CONFIG: "the config is wrong, or there is no such type or control table"}


@click.group(
    cls=Group,
    invoke_without_command=True,
    examples=["notifyd types", "notifyd types pause weekly_summary", "notifyd types resume weekly_summary"],
    exits={0: "listed", CONFIG: _EXITS[CONFIG]},
)
@config_option
@json_option
@click.pass_context
def types(ctx: click.Context, config_path: Path, as_json: bool) -> None:
    """Show the notification types, and which of them are paused."""
    if ctx.invoked_subcommand is not None:
        return
    config = read_config(config_path)
    paused = asyncio.run(_paused(config))
    found = [
        {"type": one.name, "category": one.category, "channels": one.channels, "paused": one.name in paused}
        for one in _catalog(config).types
    ]
    if as_json:
        echo_json({"types": found})
    else:
        rows = [(str(one["type"]), str(one["category"]), "paused" if one["paused"] else "") for one in found]
        echo_table(("type", "category", "state"), rows)


@types.command(cls=Command, examples=["notifyd types pause weekly_summary"], exits=_EXITS)
@click.argument("name")
@config_option
def pause(name: str, config_path: Path) -> None:
    """Hold a type's deliveries back: they wait in their retry queues, up to their deadlines."""
    _change(read_config(config_path), name, "paused")


@types.command(cls=Command, examples=["notifyd types resume weekly_summary"], exits=_EXITS)
@click.argument("name")
@config_option
def resume(name: str, config_path: Path) -> None:
    """Let a type's deliveries go again: new ones at once, those that wait within about two minutes."""
    _change(read_config(config_path), name, "resumed")


def _change(config: Config, name: str, to: str) -> None:
    known = [one.name for one in _catalog(config).types]
    if name not in known:
        raise ConfigError([Fault(name, f"is no type of {config.catalog}", f"name one of {', '.join(known)}")])
    asyncio.run(_changed(config, name, to))
    click.echo(f"{name}: {to}; all workers follow within 5 s")


async def _changed(config: Config, name: str, to: str) -> None:
    from notifyd.operators import open_desk

    async with open_desk(config) as desk:
        table = await desk.assembly.control_table()
        await (table.pause if to == "paused" else table.resume)(name)


async def _paused(config: Config) -> frozenset[str]:
    from notifyd.operators import open_desk

    async with open_desk(config) as desk:
        return (await (await desk.assembly.control_table()).switches()).paused_types


def _catalog(config: Config) -> Catalog:
    from notifyd.catalog_file import load_catalog

    return load_catalog(config.catalog)
