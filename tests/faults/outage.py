"""All of AWS away at thousands of events a second, for every replica: streams, tables, queues, mail service."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import Any

import msgspec

from notifyd.core.log_row import RowKind
from tests.faults.bench_ground import BenchGround, Moment, OutagePlan, open_bench_ground
from tests.faults.processes import RunFailed
from tests.faults.promises import Promise, Result
from tests.faults.show import Say

_START_TIMEOUT_S = 60.0
_WARM_S = 10.0
_AFTERWARDS_S = 5.0
_DRAIN_TIMEOUT_S = 300.0
_SETTLE_TIMEOUT_S = 120.0
_RECOVER_ALLOWED_S = 10.0
_DRAIN_RATIO_MIN = 2.0
# Of the arriving rate, over a second: it flows again.
_FLOWING = 0.9


class Outage(msgspec.Struct):
    """`sends_again_s`, `recovered_s`, `drained_s`: after the end of the outage, to the first mail, to the first
    second that brings as many mails as events arrive in one, and until less than a second's worth is waiting.
    `drain_ratio`: mails taken by then, to the events that arrived meanwhile. `epochs_moved`: leases that changed
    hands. `handed_over`: deliveries that went through the retry queue. `listed`: rows possible_duplicate.
    """

    backlog: int
    sends_again_s: float | None
    recovered_s: float | None
    drained_s: float
    drain_ratio: float
    epochs_moved: int
    events: int = 0
    lost: int = 0
    duplicates: int = 0
    listed: int = 0
    unaccepted: int = 0
    handed_over: int = 0
    left_waiting: int = 0
    exit_codes: tuple[int, ...] = ()

    def row(self) -> dict[str, Any]:
        return {name.replace("_", " "): value for name, value in msgspec.structs.asdict(self).items()}


async def outage(plan: OutagePlan, say: Say) -> Result:
    async with open_bench_ground(plan) as ground:
        looks: list[Moment] = []
        await ground.until("the replicas share the shards", looks, ground.is_shared, _START_TIMEOUT_S)
        ground.begin_load()
        flowing = plan.rate_per_s * _WARM_S
        await ground.until("the mails flow", looks, lambda: looks[-1].taken > flowing, _START_TIMEOUT_S)
        before = ground.owners()
        say(f"all of AWS is away for {plan.outage_s:g} s")
        await _away(ground, plan.outage_s)
        seen = await _drained(ground)
        moved = sum(epoch - before[key][1] for key, (_, epoch) in ground.owners().items())
        found = outage_of(plan, seen, moved)
        say(f"backlog {found.backlog}, drained in {found.drained_s} s at {found.drain_ratio} x")
        await _settle(ground, found)
    return Result("outage", msgspec.structs.asdict(plan), [found.row()], _promises(found))


async def _away(ground: BenchGround, outage_s: float) -> None:
    """The events go on arriving: looking at the stream lets them."""
    ground.away(away=True)
    until_s = ground.clock.elapsed_s() + outage_s
    while ground.clock.elapsed_s() < until_s:
        ground.look()
        await ground.clock.sleep(min(1.0, max(0.0, until_s - ground.clock.elapsed_s())))
    ground.away(away=False)


async def _drained(ground: BenchGround) -> list[Moment]:
    """Looks from the end of the outage on."""
    seen = [ground.look()]
    second = ground.plan.rate_per_s
    await ground.until(
        "the backlog is drained", seen, lambda: seen[-1].arrived - seen[-1].taken < second, _DRAIN_TIMEOUT_S
    )
    return seen


def outage_of(plan: OutagePlan, seen: Sequence[Moment], moved: int) -> Outage:
    began, ended = seen[0], seen[-1]
    arrived, taken = ended.arrived - began.arrived, ended.taken - began.taken
    return Outage(
        backlog=began.arrived - began.taken,
        sends_again_s=_first(seen, lambda one: one.taken > began.taken),
        recovered_s=_recovered_s(seen, _FLOWING * plan.rate_per_s),
        drained_s=round(ended.at_s - began.at_s, 2),
        drain_ratio=round(taken / max(1, arrived), 2),
        epochs_moved=moved,
    )


def _first(seen: Sequence[Moment], is_so: Callable[[Moment], bool]) -> float | None:
    return next((round(one.at_s - seen[0].at_s, 2) for one in seen if is_so(one)), None)


def _recovered_s(seen: Sequence[Moment], wanted: float) -> float | None:
    """When the first second began, at a mail, that brought so many."""
    for position, (before, began) in enumerate(pairwise(seen), 1):
        if began.taken == before.taken:
            continue
        within = [one for one in seen[position:] if one.at_s <= began.at_s + 1]
        if within[-1].taken - began.taken >= wanted:
            return round(began.at_s - seen[0].at_s, 2)
    return None


async def _settle(ground: BenchGround, found: Outage) -> None:
    """Waits until all is accepted, written and off the queues, or says what is not."""
    await ground.clock.sleep(_AFTERWARDS_S)
    found.events = ground.end_load()

    def is_settled() -> bool:
        counts = ground.counts()
        rows = counts["rows"].get(RowKind.ACCEPTED, 0)
        return counts["unique"] == found.events and not counts["waiting"] and rows >= found.events

    with suppress(RunFailed):
        await ground.until("all is settled", [], is_settled, _SETTLE_TIMEOUT_S)
    found.exit_codes = tuple(await ground.stop())  # before the last count: what is sent while draining counts
    counts = ground.counts()
    found.lost = found.events - counts["unique"]
    found.duplicates = counts["duplicates"]
    found.listed = counts["rows"].get(RowKind.POSSIBLE_DUPLICATE, 0)
    found.unaccepted = max(0, found.events - counts["rows"].get(RowKind.ACCEPTED, 0))
    found.handed_over = counts["queued"]
    found.left_waiting = counts["waiting"]


def _promises(found: Outage) -> list[Promise]:
    return [
        Promise("lost", found.lost, at_most=0),
        Promise("without an accepted row", found.unaccepted, at_most=0),
        Promise("left on a queue", found.left_waiting, at_most=0),
        # Nothing was taken while all was away, so that what is sent again was never sent.
        Promise("duplicates", found.duplicates, at_most=0),
        Promise("leases that changed hands", found.epochs_moved, at_most=0),
        Promise("recovered after s", found.recovered_s, at_most=_RECOVER_ALLOWED_S),
        Promise("backlog drained x the arriving rate", found.drain_ratio, at_least=_DRAIN_RATIO_MIN),
        Promise("replicas that did not exit 0", sum(code != 0 for code in found.exit_codes), at_most=0),
    ]
