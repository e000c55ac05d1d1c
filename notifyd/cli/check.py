"""`notifyd check`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from notifyd.cli.command import Command
from notifyd.cli.exit_codes import CONFIG, INTERNAL, exit_code
from notifyd.cli.output import echo_faults, echo_json, json_option
from notifyd.cli.setup import blueprint_of, config_option, open_session, read_config
from notifyd.cli.template_texts import template_faults
from notifyd.errors import ConfigError, Fault, TransportError

if TYPE_CHECKING:
    from notifyd.aws.session import AwsSession
    from notifyd.config import Config

# Delivery ids are made of addresses, which can be guessed: the key must be one that cannot.
KEY_CHARS_MIN = 16


@click.command(
    cls=Command,
    examples=["notifyd check", "notifyd check --json | jq -r '.faults[].mend'"],
    exits={
        0: "no fault (there may be warnings)",
        INTERNAL: "none was found, but AWS or a provider is away, or the program's own",
        CONFIG: "at least one fault",
    },
)
@config_option
@json_option
@click.pass_context
def check(ctx: click.Context, config_path: Path, as_json: bool) -> None:
    """Say what is wrong, and how to mend it.

    Looks at config, catalog, templates, secrets, credentials, tables, streams, queues and providers. Each fault
    is one line: where it is, what it is, how to mend it. Nothing is changed, nothing is sent.
    """
    found = asyncio.run(_check(config_path))
    warnings = [fault for fault in found if fault.is_warning]
    faults = [fault for fault in found if not fault.is_warning]
    if as_json:
        echo_json({"faults": faults, "warnings": warnings})
    else:
        echo_faults([*warnings, *faults])
        click.echo(f"faults: {len(faults)}, warnings: {len(warnings)}")
    ctx.exit(exit_code(faults))


async def preflight(config: Config) -> list[Fault]:
    """What keeps `run` from starting: catalog, templates, secrets that cannot be had, what is wrong in AWS."""
    faults = await template_faults(config)
    try:
        async with open_session(config) as session:
            faults += await _start_faults(config, session)
    except ConfigError as error:
        faults += error.faults
    return faults


async def _check(path: Path) -> list[Fault]:
    from notifyd.cli.provider_checks import provider_faults

    faults: list[Fault] = []
    try:
        config = read_config(path)
        faults += await template_faults(config)
        async with open_session(config) as session:
            faults += await _start_faults(config, session)
            faults += await provider_faults(config, session)
    except ConfigError as error:
        faults += error.faults
    return faults


async def _start_faults(config: Config, session: AwsSession) -> list[Fault]:
    from notifyd.aws.checks import check_resources
    from notifyd.aws.secrets import fetch_secrets
    from notifyd.config import environment
    from notifyd.secret_ref import secret_refs

    faults: list[Fault] = []
    try:
        secrets = await fetch_secrets(set(secret_refs(config)), session, environment())
        faults += [
            Fault(str(key.secret), "is too short for a key", f"make it at least {KEY_CHARS_MIN} random characters")
            for key in config.identity.keys
            if len(secrets[key.secret].get_secret_value()) < KEY_CHARS_MIN
        ]
    except ConfigError as error:
        faults += error.faults
    except TransportError as error:
        mend = "look at credentials, region, network and endpoint"
        faults.append(Fault("secrets", str(error), mend, is_outage=True))
    sources = [(source.kind, config.source_name(source)) for source in config.sources]
    return faults + await check_resources(session, blueprint_of(config), sources)
