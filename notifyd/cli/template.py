"""`notifyd template …`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import click

from notifyd.cli.command import Command, Group
from notifyd.cli.exit_codes import CONFIG, exit_code
from notifyd.cli.output import echo_faults, echo_json, json_option
from notifyd.cli.setup import config_option, read_config
from notifyd.cli.template_message import echo_message
from notifyd.cli.template_texts import fetch_texts, template_fault, template_faults
from notifyd.core.channel import Channel
from notifyd.errors import ConfigError, Fault


@click.group(
    cls=Group,
    examples=["notifyd template lint", "notifyd template preview order_shipped"],
    exits={0: "done", CONFIG: "a template, its sample or the config is wrong"},
)
def template() -> None:
    """About what notifications look like."""


@template.command(
    cls=Command,
    examples=["notifyd template lint", "notifyd template lint --json | jq -r '.faults[].where'"],
    exits={0: "no fault", CONFIG: "at least one fault"},
)
@config_option
@json_option
@click.pass_context
def lint(ctx: click.Context, config_path: Path, as_json: bool) -> None:
    """Find faults in the templates before an event does.

    The catalog is read too. Every template is compiled; those with a sample.json beside them are rendered with it.
    """
    faults = asyncio.run(template_faults(read_config(config_path)))
    if as_json:
        echo_json({"faults": faults})
    else:
        echo_faults(faults)
        click.echo(f"faults: {len(faults)}")
    ctx.exit(exit_code(faults))


@template.command(
    cls=Command,
    examples=[
        "notifyd template preview order_shipped",
        "notifyd template preview order_shipped --html > preview.html",
        "notifyd template preview order_shipped --sample my.json --json",
    ],
    exits={0: "rendered", CONFIG: "the template or its sample is wrong"},
)
@click.argument("name", metavar="TEMPLATE")
@config_option
@click.option(
    "--channel",
    type=click.Choice([channel.value for channel in Channel]),
    default="email",
    show_default=True,
    help="To render for.",
)
@click.option("--sample", "sample", type=click.File("rb"), help="Event, data, user, facts; else its sample.json.")
@click.option("--html", "html_only", is_flag=True, help="The HTML part alone.")
@json_option
def preview(name: str, config_path: Path, channel: str, sample: Any, html_only: bool, as_json: bool) -> None:
    """Show a message as it would be sent. Nothing is sent."""
    from notifyd.core.template_fault import TemplateFault
    from notifyd.core.template_lint import preview as render
    from notifyd.core.template_lint import read_sample

    config = read_config(config_path)
    texts = asyncio.run(fetch_texts(config))
    try:
        values = read_sample(texts, name) or {} if sample is None else _given(sample)
        message = render(texts, name, Channel(channel), values)
    except TemplateFault as fault:
        raise ConfigError([template_fault(config, fault.finding)]) from None
    if as_json:
        echo_json(message)
    elif html_only:
        click.echo(getattr(message, "html", None) or "")
    else:
        echo_message(message)


def _given(sample: Any) -> dict[str, Any]:
    """That of --sample, by the name it was given."""
    from notifyd.core.template_fault import TemplateFault
    from notifyd.core.template_lint import parse_sample

    try:
        return parse_sample(sample.read(), sample.name)
    except TemplateFault as fault:
        finding = fault.finding
        raise ConfigError([Fault(finding.where, finding.what, finding.mend)]) from None
