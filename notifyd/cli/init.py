"""`notifyd init`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from notifyd.cli.command import Command
from notifyd.cli.exit_codes import CONFIG, INTERNAL
from notifyd.cli.output import echo_json, echo_table, json_option
from notifyd.cli.setup import blueprint_of, config_option, open_session, read_config

if TYPE_CHECKING:
    from notifyd.aws.resources import Made
    from notifyd.config import Config


@click.command(
    cls=Command,
    examples=["notifyd init", "notifyd init --json | jq '.made[] | select(.created)'"],
    exits={
        0: "all is there",
        INTERNAL: "AWS is away, or a fault of the program's own",
        CONFIG: "AWS refused, or something did not become active",
    },
)
@config_option
@json_option
def init(config_path: Path, as_json: bool) -> None:
    """Create tables, streams, queues and the alert topic.

    Waits until they are active. What is there already is left as it is, so it can be run any number of times.
    Nothing is ever deleted.
    """
    made = asyncio.run(_create(read_config(config_path)))
    if as_json:
        echo_json({"made": made})
    else:
        rows = [(one.kind, one.name, "created" if one.created else "was there") for one in made]
        echo_table(("kind", "name", ""), rows)


async def _create(config: Config) -> list[Made]:
    from botocore.exceptions import BotoCoreError, ClientError

    from notifyd.aws.outage import is_outage
    from notifyd.aws.resources import create_resources
    from notifyd.errors import ConfigError, Fault
    from notifyd.system import SystemClock

    async with open_session(config) as session:
        try:
            return [made async for made in create_resources(session, blueprint_of(config), SystemClock())]
        except (ClientError, BotoCoreError) as error:
            mend = "look at credentials, region and what this role may do"
            raise ConfigError([Fault("AWS", str(error), mend, is_outage=is_outage(error))]) from None
