"""`notifyd replay`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from notifyd.cli.command import Command
from notifyd.cli.exit_codes import CONFIG, NO
from notifyd.cli.moments import Moment, check_stretch, counting
from notifyd.cli.numbers import FiniteRange
from notifyd.cli.output import echo_json, echo_table, json_option
from notifyd.cli.resending import make_decider, make_resender, show
from notifyd.cli.setup import config_option, read_config

if TYPE_CHECKING:
    from notifyd.audit.parts import Walk
    from notifyd.audit.resend import Resent
    from notifyd.audit.shadow import Comparison
    from notifyd.audit.stretch import Stretch
    from notifyd.config import Config
    from notifyd.operators import Desk

# Shorter numbers are ages or years; sequence numbers have 21 digits and more, Kinesis takes 129 at most.
_SEQUENCE_DIGITS = range(15, 130)


class _Start(click.ParamType[float | int]):
    """A moment (float), or a sequence number (int)."""

    name = "time or sequence number"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float | int:
        text = str(value)
        if text.isdecimal() and len(text) in _SEQUENCE_DIGITS:
            return int(text)
        return Moment().convert(value, param, ctx)


class _Plan(msgspec.Struct, frozen=True):
    stretch: Stretch
    type_name: str | None
    rate_per_s: float | None


@click.command(
    cls=Command,
    examples=[
        "notifyd replay --from 6h --shadow",
        "notifyd replay --from 2026-01-31T08:00:00Z --to 2026-01-31T09:00:00Z --type order_shipped",
        "notifyd replay --from 49590338271490256608559692538361571095921575989136588898 --yes",
    ],
    exits={
        0: "handed over, or nothing was left to do; --shadow: no decision differs",
        NO: "--shadow: decisions differ; else: a filter raised, or a queue refused",
        CONFIG: "the config, or what it names, is wrong",
    },
)
@config_option
@click.option("--from", "start", type=_Start(), required=True, help="A time, an age, or a sequence number.")
@click.option("--to", "to_s", type=Moment(), default="0s", help="Up to before this; unless given, now.")
@click.option("--type", "type_name", help="This notification type alone.")
@click.option("--shadow", is_flag=True, help="Send nothing: compare decisions with those recorded.")
@click.option("--rate", "rate_per_s", type=FiniteRange(min=0, min_open=True), help="Messages a second.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_context
def replay(
    ctx: click.Context,
    config_path: Path,
    start: float,
    to_s: float,
    type_name: str | None,
    shadow: bool,
    rate_per_s: float | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Read a stretch again and bring to its end what has no final row in the delivery log.

    Deliveries are handed to their retry queues and sent by the daemon, which claims each attempt: what somebody
    else brings to its end meanwhile is not sent again. Records that the ledger does not call settled are left to
    the daemon. What is past its deadline expires and is not sent.
    """
    from notifyd.audit.stretch import Stretch
    from notifyd.system import SystemClock

    config = read_config(config_path)
    if isinstance(start, int):
        # Not from before the log's rows: nothing could be said of what was accepted then.
        stretch = Stretch(SystemClock().now_s() - config.log.ttl_days * 86_400, to_s, start)
    else:
        stretch = Stretch(start, to_s)
        check_stretch(start, to_s, ttl_days=config.log.ttl_days)
    plan = _Plan(stretch, type_name, rate_per_s)
    if shadow:
        comparison = asyncio.run(_compare(config, plan))
        _show_comparison(comparison, as_json=as_json)
        fine = not comparison.kinds
    else:
        fine = _resend(config, plan, yes=yes, as_json=as_json)
    if not fine:
        ctx.exit(NO)


def _resend(config: Config, plan: _Plan, *, yes: bool, as_json: bool) -> bool:
    """Looks first, asks, then looks again and hands over: what was ended in between is left out."""
    resent = asyncio.run(_hand_over(config, plan, write=False))
    if resent.queued or resent.suppressed:
        if not yes:
            if not as_json:  # whose stdout is the one object at the end
                show(resent, as_json=False, done=False)
            click.confirm(f"Hand {resent.queued} deliveries to the retry queues?", abort=True, err=True)
        resent = asyncio.run(_hand_over(config, plan, write=True))
    show(resent, as_json=as_json, done=True)
    return not (resent.undecided or resent.refused)


async def _hand_over(config: Config, plan: _Plan, *, write: bool) -> Resent:
    from notifyd.cli.sources import audited_sources
    from notifyd.operators import open_desk

    async with open_desk(config) as desk:
        _check_type(desk, plan.type_name)
        decider = await make_decider(desk, plan.type_name)
        resender = await make_resender(desk, decider, write=write, rate_per_s=plan.rate_per_s)
        walk = await _walk(desk)
        with counting("users checked") as progress:
            for audited in await audited_sources(desk):
                async for part in walk.parts(audited, plan.stretch):
                    await resender.part(part)
                    progress(resender.resent.checked)
        return resender.resent


async def _compare(config: Config, plan: _Plan) -> Comparison:
    from notifyd.audit.shadow import Shadow
    from notifyd.cli.sources import audited_sources
    from notifyd.operators import open_desk

    async with open_desk(config) as desk:
        _check_type(desk, plan.type_name)
        shadow = Shadow(await _walk(desk), await make_decider(desk, plan.type_name))
        with counting("users compared") as progress:
            return await shadow.compare(await audited_sources(desk), plan.stretch, progress)


async def _walk(desk: Desk) -> Walk:
    from notifyd.audit.parts import Walk
    from notifyd.system import SystemClock, SystemEntropy

    return Walk(
        catalog=desk.catalog,
        delivery_log=await desk.assembly.delivery_log(),
        scan=await (await desk.assembly.lease_table()).scan(),
        clock=SystemClock(),
        entropy=SystemEntropy(),
    )


def _check_type(desk: Desk, type_name: str | None) -> None:
    if type_name is not None and desk.catalog.get(type_name) is None:
        known = ", ".join(one_type.name for one_type in desk.catalog.types)
        raise click.UsageError(f"--type {type_name!r} is not in the catalog; it has {known}")


def _show_comparison(comparison: Comparison, *, as_json: bool) -> None:
    if as_json:
        echo_json(comparison)
        return
    echo_table(
        ("type", "channel", "recorded", "now", "times"),
        [
            (kind.type_name, kind.channel or "all", kind.recorded, kind.decided, str(kind.count))
            for kind in comparison.kinds
        ],
    )
    for one in comparison.differing:
        click.echo(f"  {one.event_id}  {one.user_id}  {one.type_name}  {one.recorded} → {one.decided}")
    click.echo(
        f"compared: {comparison.compared}, equal: {comparison.equal}, "
        f"not recorded yet: {comparison.not_recorded_yet}"
    )
