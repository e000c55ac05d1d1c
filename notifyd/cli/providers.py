"""`notifyd providers …`: how they stand, and switching them for the whole fleet."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
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
    from notifyd.config_sections import ChannelSection
    from notifyd.core.channel import Channel
    from notifyd.core.provider_standing import Standing
    from notifyd.core.switches import ProviderSwitch

# Three of a worker's reports: who is silent for longer is gone.
_REPORT_AGE_MAX_S = 30.0
_TITLES = ("channel", "provider", "switch", "workers", "breaker", "weight", "rate", "answers", "error budget")
_EXITS = {0: "done", CONFIG: "the config is wrong, or there is no such provider or control table"}


@click.group(
    cls=Group,
    invoke_without_command=True,
    examples=[
        "notifyd providers",
        "notifyd providers --json | jq '.providers[] | select(.breakers.open)'",
        "notifyd providers drain sendgrid",
    ],
    exits={0: "listed", CONFIG: _EXITS[CONFIG]},
)
@config_option
@json_option
@click.pass_context
def providers(ctx: click.Context, config_path: Path, as_json: bool) -> None:
    """Show each provider's switch, breaker, weight, rate and errors over all workers.

    `weight`: its share of the channel now, and at rest. `rate`: deliveries a second that all workers together may
    send, of the account's limit. `error budget`: what is left of the errors a minute at which weight moves away.
    """
    if ctx.invoked_subcommand is not None:
        return
    found = asyncio.run(_standings(read_config(config_path)))
    if as_json:
        echo_json({"providers": found})
    else:
        echo_table(_TITLES, map(_line, found))


def _switching(name: str, to: str, what: str) -> None:
    @providers.command(name, cls=Command, help=what, examples=[f"notifyd providers {name} ses"], exits=_EXITS)
    @click.argument("provider")
    @config_option
    def command(provider: str, config_path: Path) -> None:
        from notifyd.core.switches import ProviderSwitch

        asyncio.run(_switch(read_config(config_path), provider, ProviderSwitch(to)))
        click.echo(f"{provider}: {to}; all workers follow within 5 s")


_switching("enable", "enabled", "Let a provider be used again.")
_switching("disable", "disabled", "Send nothing more by a provider; what waits for it goes to others, or waits.")
_switching("drain", "draining", "Give a provider nothing new; what waits for it is still sent.")


async def _switch(config: Config, provider: str, to: ProviderSwitch) -> None:
    from notifyd.operators import open_desk

    used = dict.fromkeys(name for channel in config.channels.values() for name in channel.weights)
    if provider not in used:
        raise ConfigError([Fault(provider, "is no provider of any channel", f"name one of {', '.join(used)}")])
    async with open_desk(config) as desk:
        await (await desk.assembly.control_table()).switch(provider, to)


async def _standings(config: Config) -> list[Standing]:
    from notifyd.core.provider_standing import standings
    from notifyd.operators import open_desk
    from notifyd.system import SystemClock

    async with open_desk(config) as desk:
        table = await desk.assembly.control_table()
        switches, reports = await table.switches(), await table.reports()
    since_s = SystemClock().now_s() - _REPORT_AGE_MAX_S
    seen = [one for report in reports if report.at_s >= since_s for one in report.providers]
    return standings(resting_weights(config.channels), switches, seen)


def resting_weights(channels: Mapping[Channel, ChannelSection]) -> dict[tuple[Channel, str], float]:
    """Each provider's share of what it can deliver at all: in chat, of its own platform's addresses."""
    from notifyd.providers import PROVIDERS

    whole: dict[tuple[Channel, str], float] = defaultdict(float)
    for channel, section in channels.items():
        for name, weight in section.weights.items():
            whole[channel, PROVIDERS[name].platform] += weight
    return {
        (channel, name): weight / (whole[channel, PROVIDERS[name].platform] or 1.0)
        for channel, section in channels.items()
        for name, weight in section.weights.items()
    }


def _line(one: Standing) -> tuple[str, ...]:
    weight = "" if one.weight is None else f"{one.weight:.0%} "
    rate = "no limit" if one.rate_per_s is None else f"{one.rate_per_s:.4g}/s"
    limit = "" if one.limit_per_s is None else f" of {one.limit_per_s:.4g}"
    return (
        one.channel,
        one.provider,
        one.switch,
        str(one.workers),
        ", ".join(f"{state} {count}" for state, count in sorted(one.breakers.items())),
        f"{weight}({one.resting_weight:.0%})",
        f"{rate}{limit}" if one.workers else "",
        f"{one.answers_per_s:.1f}/s",
        f"{one.error_budget:.0%} ({one.errors} errors)",
    )
