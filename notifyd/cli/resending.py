"""What replay and reconcile share: the parts that decide and hand over, and what they say of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from notifyd.cli.output import echo_json, echo_table

if TYPE_CHECKING:
    from notifyd.audit.decide import Decider
    from notifyd.audit.resend import Resender, Resent
    from notifyd.operators import Desk


async def make_decider(desk: Desk, type_name: str | None = None) -> Decider:
    from notifyd.audit.decide import Decider
    from notifyd.delivery_rules import delivery_rules
    from notifyd.flow.facts import FactFinder

    return Decider(
        directory=await desk.assembly.directory(),
        find_facts=FactFinder(await desk.assembly.lookups()).find,
        rules=delivery_rules(desk.config),
        type_name=type_name,
    )


async def make_resender(desk: Desk, decider: Decider, *, write: bool, rate_per_s: float | None) -> Resender:
    from notifyd.audit.resend import Resender
    from notifyd.core.log_rows import RowMaker
    from notifyd.flow.claim_check import check_in
    from notifyd.system import SystemClock

    return Resender(
        decider=decider,
        identity=await desk.identity(),
        rows=RowMaker(desk.config.log.ttl_days * 86_400.0),
        delivery_log=await desk.assembly.delivery_log(),
        retry_queues=await desk.assembly.retry_queues(),
        check_in=check_in,
        clock=SystemClock(),
        write=write,
        rate_per_s=rate_per_s,
    )


def show(resent: Resent, *, as_json: bool, done: bool) -> None:
    if as_json:
        echo_json(resent)
        return
    echo_table(
        ("event", "user", "type", "channel", "delivery", "attempt"),
        (
            (one.event_id, one.user_id, one.type_name, one.channel, one.delivery_id, str(one.attempt))
            for one in resent.handed
        ),
    )
    click.echo(
        f"checked: {resent.checked}, {'queued' if done else 'to queue'}: {resent.queued}, "
        f"suppressed now: {resent.suppressed}, left to the daemon: {resent.unsettled}, "
        f"filter raised: {resent.undecided}, refused by the queue: {resent.refused}",
        err=True,
    )
