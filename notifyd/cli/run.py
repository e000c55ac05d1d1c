"""`notifyd run`."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from notifyd.cli.command import Command
from notifyd.cli.exit_codes import CONFIG, INTERNAL
from notifyd.cli.setup import config_option, read_config


@click.command(
    cls=Command,
    examples=["notifyd run", "NOTIFYD_DELIVERY__MODE=send notifyd run -c /etc/notifyd/notifyd.yaml"],
    exits={
        0: "drained",
        CONFIG: "config, or what it names: one line a fault on stderr",
        INTERNAL: "a fault of the program's own",
    },
)
@config_option
def run(config_path: Path) -> None:
    """Work until SIGTERM or SIGINT, then drain.

    Does not start where `notifyd check` finds a fault in the config or in what it names.
    """
    from notifyd.app import run as run_app
    from notifyd.cli.check import preflight
    from notifyd.errors import ConfigError

    config = read_config(config_path)
    if faults := asyncio.run(preflight(config)):
        raise ConfigError(faults)
    run_app(config)
