"""One seed: a world, its load, its faults, and what is found at the end."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import structlog

from notifyd.flow.setup import FlowSettings
from notifyd.ports import Limits
from tests.simulation.changes import Changes
from tests.simulation.cluster import Cluster, Parts
from tests.simulation.daemon import SETTINGS, SHELF
from tests.simulation.dice import Dice
from tests.simulation.faults import Director, Group, plan
from tests.simulation.loop import RanAway, SeededLoop
from tests.simulation.process import State
from tests.simulation.trace import Trace
from tests.simulation.verdict import broken_promises, duplicates
from tests.simulation.world.load import Load
from tests.simulation.world.provider import Mood
from tests.simulation.world.world import LIMITS, World

_STEPS_MAX = 3_000_000
_VIRTUAL_S_MAX = 20_000.0
_SETTLES_WITHIN_S = 3_000.0
_FAULTS_LEAST = 3
_DEFERS = 0.02


class Options(msgspec.Struct, frozen=True):
    """`groups`: which faults are drawn; none: no faults at all."""

    records: int = 320
    lasts_s: float = 40.0
    groups: tuple[Group, ...] = tuple(Group)
    follow: bool = False


class Result(msgspec.Struct):
    seed: int
    broken: list[str]
    digest: str
    steps: int
    virtual_s: float
    deliveries: int
    duplicates: int
    sent: int
    crashes: int
    in_flight_at_crashes: int
    fired: dict[str, int]
    tail: list[str]


def run_seed(seed: int, options: Options | None = None, parts: Parts | None = None) -> Result:
    found: list[str] = []
    with _bugs_to(found), _no_collecting():
        asyncio.run(SHELF.load())
        return _simulate(seed, options or Options(), parts or Parts(), found)


def _simulate(seed: int, options: Options, parts: Parts, found: list[str]) -> Result:
    dice = Dice(seed, "world")
    loop = SeededLoop(dice.sub("loop"), steps_max=_STEPS_MAX, virtual_s_max=_VIRTUAL_S_MAX)
    loop.set_exception_handler(lambda _loop, _context: None)
    trace = Trace(loop.time, follow=options.follow)
    shards = (dice.whole(1, 4), dice.whole(1, 3))
    world = World(loop, dice, trace, found, shards=shards, limits=_limits(dice.sub("limits"), options))
    try:
        return loop.run_until_complete(_run(seed, world, options, parts))
    except RanAway as ran:
        return _result(seed, world, [str(ran), _standing(world)])
    finally:
        loop.close()


async def _run(seed: int, world: World, options: Options, parts: Parts) -> Result:
    dice = world.dice
    settings = _settings(dice.sub("settings"), options)
    world.judge.slots_max = settings.slots_max
    cluster = Cluster(world, settings, parts, workers=dice.whole(2, 3))
    director = Director(world, cluster, dice.sub("faults"), turn=seed)
    load = Load(
        dice.sub("load"),
        world.people.users,
        records=options.records,
        lasts_s=options.lasts_s,
        sources=len(world.sources),
    )
    for burst in load.bursts():
        world.bursts_left += 1
        world.network.later(burst.at_s, world.put, burst)
    director.direct(plan(dice.sub("plan"), options.groups, window_s=options.lasts_s, least=_FAULTS_LEAST))
    if options.groups:
        world.account.moods.append(Mood(defers=_DEFERS))  # so that there is always something to be tried again
    Changes(world, dice.sub("changes")).direct(lasts_s=options.lasts_s)
    cluster.start_all()
    broken = await _until_settled(world, cluster, director, settings)
    if not broken:
        await cluster.close()
        faults = director.majors + world.judge.crashes + len(world.judge.victims)
        ended = frozenset(worker.process.name for worker in cluster.workers if worker.process.state is State.ENDED)
        broken = list(
            broken_promises(world, ended, slots_max=settings.slots_max, faults=faults, is_calm=not options.groups)
        )
    return _result(seed, world, broken)


async def _until_settled(world: World, cluster: Cluster, director: Director, settings: FlowSettings) -> list[str]:
    """What was broken on the way, if anything was."""
    by_s = None
    while world.bursts_left or not director.is_over or not world.judge.is_settled:
        await asyncio.sleep(0.5)  # noqa: TID251 - of the world's own time
        _check_memory(world, cluster, settings)
        if world.network.broken:
            return world.network.broken
        if by_s is None and not world.bursts_left and director.is_over:
            by_s = world.loop.time() + _SETTLES_WITHIN_S
        if by_s is not None and world.loop.time() > by_s:
            return ["not settled in time", _standing(world)]
    return []


def _check_memory(world: World, cluster: Cluster, settings: FlowSettings) -> None:
    for worker in cluster.running():
        engine = worker.engine
        if engine is None:
            continue
        over = (
            ("slots", engine.slots.used, settings.slots_max),
            ("bytes", engine.budget.used_bytes, settings.bytes_in_process_max),
            ("rows", engine.outlets.log_writer.pending_count, 3 * settings.slots_max + settings.span_max),
            *(("unsettled", run.unsettled_count, settings.span_max) for run in engine.keeper.runs.values()),
        )
        world.network.broken += [
            f"{worker.process.name} holds {used} {what}, at most {most}"
            for what, used, most in over
            if used > most
        ]


def _settings(dice: Dice, options: Options) -> FlowSettings:
    """Small enough that each bound is met; without faults, as shipped."""
    if not options.groups:
        return SETTINGS
    return msgspec.structs.replace(
        SETTINGS,
        slots_max=dice.one_of((3, 12, 40, 200, 4_000)),
        span_max=dice.one_of((128, 1_024, 65_536)),
        bytes_in_process_max=dice.one_of((256 << 10, 64 << 20)),
        dedupe_bytes_max=dice.one_of((64, 64 << 10)),
    )


def _limits(dice: Dice, options: Options) -> Limits:
    if not options.groups:
        return LIMITS
    batch_max, batches_max = dice.one_of((2, 10)), dice.one_of((2, 8))
    rate_per_s, each_alone = dice.one_of((50.0, 200.0, 1000.0)), dice.chance(0.5)
    return msgspec.structs.replace(
        LIMITS,
        batch_max=batch_max,
        in_flight_max=batches_max * (batch_max if each_alone else 1),
        rate_per_s=rate_per_s,
        each_alone=each_alone,
    )


def _result(seed: int, world: World, broken: list[str]) -> Result:
    return Result(
        seed=seed,
        broken=broken[:20],
        digest=world.trace.digest(),
        steps=world.loop.steps,
        virtual_s=world.loop.time(),
        deliveries=len(world.judge.due),
        duplicates=sum(duplicates(world).values()),
        sent=world.judge.sent,
        crashes=world.judge.crashes,
        in_flight_at_crashes=world.judge.in_flight_at_crashes,
        fired=dict(world.fired),
        tail=list(world.trace.tail) if broken else [],
    )


def _standing(world: World) -> str:
    judge = world.judge
    owners = {key: item.lease_owner for key, item in world.table.shards.items() if not item.is_finished}
    return (
        f"at {world.loop.time():.1f} s: put {judge.put_count}, accounted {dict(judge.accounted())}, "
        f"retry {len(world.retried())}, owners {owners}, alerts {Counter(world.alerts.subjects())}"
    )


@contextmanager
def _no_collecting() -> Iterator[None]:
    """When memory is collected depends on what ran before, and a dead process's finalisers would run then."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        unraisable, sys.unraisablehook = sys.unraisablehook, lambda _: None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # coroutines of dead processes were never awaited
            gc.collect()
        sys.unraisablehook = unraisable
        if was_enabled:
            gc.enable()


@contextmanager
def _bugs_to(found: list[str]) -> Iterator[None]:
    """What the daemon logs as an error is a bug of its own; all else is silent."""

    def note(_logger: Any, _name: str, event: Any) -> Any:
        found.append(f"logged as an error: {event.get('event')}: {sys.exc_info()[1]!r}")
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[note], wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    try:
        yield
    finally:
        structlog.configure(**before)
