"""SIGTERM at full load: what stands in the stream is more than the replicas get through while the run lasts."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

import msgspec

from tests.faults.bench_ground import BenchGround, Moment, OutagePlan, open_bench_ground
from tests.faults.promises import Promise, Result
from tests.faults.show import Say

_START_TIMEOUT_S = 60.0
_END_TIMEOUT_S = 60.0
_SETTLE_TIMEOUT_S = 300.0
# Mails before the first drain and after each: connections, caches and shares are then as they stay.
_WARM = 15_000
_EVENTS_A_DRAIN = 40_000
_DRAIN_ALLOWED_S = 10.0
_TAKEOVER_ALLOWED_S = 2.0


class Drain(msgspec.Struct, frozen=True):
    """`drain_s`: from SIGTERM to the end of the process. `takeover_s`: from there until others own its shards."""

    waiting: int
    mails_per_s: float
    drain_s: float
    takeover_s: float
    exit_code: int

    def row(self) -> dict[str, Any]:
        return {name.replace("_", " "): value for name, value in msgspec.structs.asdict(self).items()}


async def full_drain(plan: OutagePlan, count: int, say: Say) -> Result:
    async with open_bench_ground(plan) as ground:
        await ground.until("the replicas share the shards", [], ground.is_shared, _START_TIMEOUT_S)
        events = _WARM + count * _EVENTS_A_DRAIN
        ground.fill(events)
        drains = []
        for number in range(1, count + 1):
            drains.append(await _one(ground, events))
            say(f"drain {number}: {drains[-1].drain_s} s at {drains[-1].mails_per_s:,.0f} mails/s")
            await ground.start_replica()
            await ground.until("the replicas share the shards", [], ground.is_shared, _START_TIMEOUT_S)
        looks: list[Moment] = []
        await ground.until("all is taken", looks, lambda: looks[-1].taken >= events, _SETTLE_TIMEOUT_S)
        codes = [*(drain.exit_code for drain in drains), *await ground.stop()]
        counts = ground.counts()
    promises = [
        Promise("lost", events - counts["unique"], at_most=0),
        Promise("duplicates", counts["duplicates"], at_most=0),
        Promise("drains without a backlog", sum(drain.waiting == 0 for drain in drains), at_most=0),
        Promise("drain s, max", max(drain.drain_s for drain in drains), at_most=_DRAIN_ALLOWED_S),
        Promise("takeover s, max", max(drain.takeover_s for drain in drains), at_most=_TAKEOVER_ALLOWED_S),
        Promise("replicas that did not exit 0", sum(code != 0 for code in codes), at_most=0),
    ]
    return Result("full-drain", msgspec.structs.asdict(plan), [drain.row() for drain in drains], promises)


async def _one(ground: BenchGround, events: int) -> Drain:
    looks = [ground.look()]
    wanted = looks[0].taken + _WARM
    await ground.until("the mails flow", looks, lambda: looks[-1].taken >= wanted, _START_TIMEOUT_S)
    before = looks[-1]
    replica = ground.replicas.pop(0)
    replica.send(signal.SIGTERM)
    sent_s = ground.clock.elapsed_s()
    async with asyncio.timeout(_END_TIMEOUT_S):
        exit_code = await replica.ended()
    ended_s = ground.clock.elapsed_s()
    await ground.until("the others own its shards", [], ground.is_shared, _END_TIMEOUT_S)
    return Drain(
        waiting=events - before.taken,
        mails_per_s=round((before.taken - looks[0].taken) / (before.at_s - looks[0].at_s)),
        drain_s=round(ended_s - sent_s, 2),
        takeover_s=round(ground.clock.elapsed_s() - ended_s, 2),
        exit_code=exit_code,
    )
