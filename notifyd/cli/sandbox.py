"""`notifyd sandbox`."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from notifyd.cli.command import Command
from notifyd.cli.exit_codes import CONFIG
from notifyd.cli.numbers import FiniteRange
from notifyd.cli.output import echo_json, echo_table, json_option
from notifyd.errors import ConfigError, Fault

if TYPE_CHECKING:
    from notifyd.sandbox.provider_sandbox import Sandbox

# A socket takes a higher port for the one that is 65,536 lower; those of the providers have room above this.
_PORT_BASE_MAX = 65_500


@click.command(
    cls=Command,
    examples=[
        "notifyd sandbox --port-base 4500",
        "notifyd sandbox --only apns --only fcm --config-out sandbox.yaml",
        """curl -X POST localhost:4500/faults/twilio -d '[{"kind": "Refuse", "refusal": "throttled"}]'""",
        "curl 'localhost:4500/mailbox?provider=twilio&since=1767225600'",
    ],
    exits={0: "ended by SIGINT or SIGTERM", CONFIG: "a port is taken, or a file cannot be written"},
)
@click.option(
    "--port-base",
    type=click.IntRange(0, _PORT_BASE_MAX),
    default=0,
    help="The control API's port; the providers follow. 0: free ones.",
)
@click.option("--only", "providers", multiple=True, metavar="PROVIDER", help="Serve this one; may be repeated.")
@click.option(
    "--journal",
    type=click.Path(path_type=Path),
    help="A line for each accepted message, before its answer.",
)
@click.option(
    "--config-out",
    type=click.Path(path_type=Path),
    help="Write a providers section that sends here.",
)
@click.option("--latency-ms", type=FiniteRange(min=0), default=0.0, help="How long every answer takes.")
@json_option
def sandbox(
    port_base: int,
    providers: tuple[str, ...],
    journal: Path | None,
    config_out: Path | None,
    latency_ms: float,
    as_json: bool,
) -> None:
    """Serve every provider's API on loopback.

    As strict as the vendors. What would have been delivered is kept in a mailbox; the control API reads it, and
    tells a provider to misbehave: refuse, throttle, stay silent, drip, cut, send garbage or GOAWAY.
    """
    import uvloop

    from notifyd.sandbox.provider_sandbox import PROVIDERS, Sandbox

    if unknown := [name for name in providers if name not in PROVIDERS]:
        raise click.BadParameter(
            f"no provider {unknown[0]}; there are {', '.join(PROVIDERS)}", param_hint="--only"
        )

    async def serve() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with Sandbox(*providers, port_base=port_base, journal=journal) as served:
            served.slow_down(latency_ms / 1000)
            if config_out is not None:
                await asyncio.to_thread(_write, served, config_out)
            _tell(served, config_out, as_json=as_json)
            await stop.wait()

    try:
        uvloop.run(serve())
    except OSError as error:
        mend = "choose another --port-base, --journal or --config-out"
        raise ConfigError([Fault("notifyd sandbox", str(error), mend)]) from error


def _write(served: Sandbox, config_out: Path) -> None:
    from notifyd.sandbox.config_fragment import write_fragment

    write_fragment(served, config_out)


def _tell(served: Sandbox, config_out: Path | None, *, as_json: bool) -> None:
    config = None if config_out is None else str(config_out)
    if as_json:
        told = {"control": served.url, "ca_file": str(served.ca_file), "endpoints": served.urls, "config": config}
        echo_json(told)
        return
    rows = [("control", served.url), *served.urls.items(), ("ca_file", str(served.ca_file))]
    echo_table(("provider", "url"), rows if config is None else [*rows, ("config", config)])
