"""`python -m tests.faults`: real processes under faults. Exits non-zero on a broken promise."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any

import click

from bench.contestants import SourceKind as BenchSource
from bench.processes import BenchFailed
from notifyd.cli.output import json_option
from notifyd.errors import NotifydError
from notifyd.sandbox.world import SourceKind
from tests.faults.bench_ground import OutagePlan
from tests.faults.chaos import cases, chaos
from tests.faults.full_drain import full_drain
from tests.faults.kill import kill_loop
from tests.faults.outage import outage
from tests.faults.plan import SHORT_TIMES, Plan, Times
from tests.faults.processes import RunFailed
from tests.faults.promises import Result, show
from tests.faults.reshard import RATE_PER_S, reshard
from tests.faults.show import sayer
from tests.faults.sigterm import sigterm_loop
from tests.faults.zombie import zombie


@click.group(help=__doc__)
def main() -> None:
    pass


def _load_options(rate_per_s: float = Plan().rate_per_s) -> Callable[[Callable[..., None]], Callable[..., None]]:
    options = (
        click.option("--rate", "rate_per_s", default=rate_per_s, show_default=True, help="Events a second."),
        click.option(
            "--latency-ms", default=Plan().latency_s * 1000, show_default=True, help="Of the mail service."
        ),
        click.option(
            "--source", type=click.Choice([kind.value for kind in SourceKind]), default=Plan().source.value
        ),
        click.option("--seed", default=Plan().seed, show_default=True, help="Of the world and the moments."),
        click.option("--short-times", is_flag=True, help="A failover of 6 s instead of the shipped one."),
        json_option,
    )

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def _plan(options: dict[str, Any]) -> Plan:
    return Plan(
        rate_per_s=options["rate_per_s"],
        latency_s=options["latency_ms"] / 1000,
        source=SourceKind(options["source"]),
        seed=options["seed"],
        times=SHORT_TIMES if options["short_times"] else Times(),
    )


@main.command("kill-loop")
@click.option("-n", "count", default=5, show_default=True, help="Kills.")
@_load_options()
def _kill_loop(count: int, **options: Any) -> None:
    """Kill -9 at random moments: nothing lost, duplicates bounded and listed."""
    _finish(kill_loop(_plan(options), count, sayer()), as_json=options["as_json"])


@main.command("sigterm-loop")
@click.option("-n", "count", default=5, show_default=True, help="Drains.")
@_load_options()
def _sigterm_loop(count: int, **options: Any) -> None:
    """SIGTERM under load: exit 0, nothing sent twice, another goes on at once."""
    _finish(sigterm_loop(_plan(options), count, sayer()), as_json=options["as_json"])


@main.command("zombie")
@click.option("-n", "count", default=1, show_default=True, help="Pauses.")
@_load_options()
def _zombie(count: int, **options: Any) -> None:
    """SIGSTOP for two failover times: fenced, and a stand-by afterwards."""
    _finish(zombie(_plan(options), count, sayer()), as_json=options["as_json"])


@main.command("chaos")
@click.option(
    "--case", "names", type=click.Choice([case.name for case in cases()]), multiple=True, help="Unset: all."
)
@click.option("--scale", default=1.0, show_default=True, help="Of how long each fault is held.")
@_load_options()
def _chaos(names: tuple[str, ...], scale: float, **options: Any) -> None:
    """AWS throttles, does not answer, goes away: nothing lost, nothing twice, and it goes on by itself."""
    chosen = [case.held(case.hold_s * scale) for case in cases() if not names or case.name in names]
    _finish(chaos(_plan(options), chosen, sayer()), as_json=options["as_json"])


@main.command("reshard")
@click.option("-n", "count", default=8, show_default=True, help="Splits and merges.")
@_load_options(RATE_PER_S)
def _reshard(count: int, **options: Any) -> None:
    """Split and merge under load, on kinesis-local: every record once, parents before children."""
    _finish(reshard(_plan(options), count, sayer()), as_json=options["as_json"])


@main.command("outage")
@click.option("--rate", "rate_per_s", default=OutagePlan().rate_per_s, show_default=True, help="Events a second.")
@click.option("--outage-s", default=OutagePlan().outage_s, show_default=True)
@click.option("--shards", default=OutagePlan().shards, show_default=True)
@click.option(
    "--source", type=click.Choice([kind.value for kind in BenchSource]), default=OutagePlan().source.value
)
@json_option
def _outage(rate_per_s: float, outage_s: float, shards: int, source: str, as_json: bool) -> None:
    """All of AWS away at thousands of events a second: no mass takeover, and the backlog drained fast."""
    plan = OutagePlan(rate_per_s=rate_per_s, outage_s=outage_s, shards=shards, source=BenchSource(source))
    _finish(outage(plan, sayer()), as_json=as_json)


@main.command("full-drain")
@click.option("-n", "count", default=3, show_default=True, help="Drains.")
@click.option(
    "--source", type=click.Choice([kind.value for kind in BenchSource]), default=OutagePlan().source.value
)
@json_option
def _full_drain(count: int, source: str, as_json: bool) -> None:
    """SIGTERM at full load: nothing sent twice, the process gone in seconds, its shards another's at once."""
    _finish(full_drain(OutagePlan(source=BenchSource(source)), count, sayer()), as_json=as_json)


def _finish(running: Coroutine[Any, Any, Result], *, as_json: bool) -> None:
    try:
        result = asyncio.run(_until_terminated(running))
    except (NotifydError, RunFailed, BenchFailed) as error:
        raise click.ClickException(str(error)) from None
    except asyncio.CancelledError:
        raise click.Abort from None
    show(result, as_json=as_json)
    raise SystemExit(1 if result.broken else 0)


async def _until_terminated(running: Coroutine[Any, Any, Result]) -> Result:
    """SIGTERM ends a run as Ctrl-C does: in order, with every process that it started."""
    task = asyncio.ensure_future(running)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


if __name__ == "__main__":
    main()
