"""`make fleet`: a hundred whole daemons on two thousand shards, in virtual time: balanced, read, at what cost.

Workers start one after another; some die by kill -9; as many come anew. After each the leases are balanced
again, and each shard gets a record that has to be accounted for. The lease table bills what DynamoDB would.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

import click
import msgspec
import structlog

from notifyd.cli.output import json_option
from notifyd.core.balance import share_of
from notifyd.core.decode import Decoder
from notifyd.core.filter_criteria import SourceKind
from notifyd.core.sequence import TrimHorizon
from notifyd.flow.feed_turns import FeedTimes
from notifyd.flow.setup import SourceSetup
from tests.fakes.streams import FakeSource
from tests.faults.promises import Promise, Result, show
from tests.faults.show import Say, sayer
from tests.simulation.daemon import FAILOVER_S, SETTINGS
from tests.simulation.metered_table import Billed, MeteredTable
from tests.support.flow_rig import Worker, World
from tests.support.virtual_time import VirtualLoop
from tests.support.wire_cut import Wire

_START_EVERY_S = 0.1
_STEADY_S = 30.0
_LOOK_EVERY_S = 0.25
_BALANCED_FAILOVERS_MAX = 10.0
# A shard without news is asked every 5 s.
_READ_TIMEOUT_S = 60.0


class Fleet(World):
    """Shipped settings, on shards and a table of its own."""

    def __init__(self, shards: int) -> None:
        super().__init__(settings=SETTINGS)
        self.metered = MeteredTable()
        self.table = self.metered
        self.shard_ids = [f"shardId-{number:012d}" for number in range(shards)]
        self.source = FakeSource(self.clock, name="kinesis:fleet-events", shards=self.shard_ids)
        self.workers: list[Worker] = []
        self._named = 0

    def _source_setup(self, wire: Wire) -> SourceSetup:
        times = FeedTimes(poll_interval_s=0.2, idle_poll_max_s=5.0)
        source = wire.through("source", self.source)
        return SourceSetup(source, Decoder(SourceKind.KINESIS, "events"), TrimHorizon(), None, times)

    async def start(self, count: int) -> None:
        for _ in range(count):
            self._named += 1
            self.workers.append(await self.worker(f"worker-{self._named:03d}"))
            await self.clock.sleep(_START_EVERY_S)

    async def kill(self, count: int) -> None:
        """The first of them, the leader among them."""
        dead, self.workers = self.workers[:count], self.workers[count:]
        for worker in dead:
            await worker.killed()

    def held(self) -> list[int]:
        """Leases of each worker, as the table has them."""
        owners = [item.lease_owner for item in self.table.shards.values()]
        return sorted(owners.count(worker.name) for worker in self.workers)

    def is_balanced(self) -> bool:
        fewest, most = share_of(len(self.shard_ids), len(self.workers))
        held = self.held()
        running = sum(len(worker.engine.keeper.runs) for worker in self.workers)
        return held[0] >= fewest and held[-1] <= most and running == sum(held) == len(self.shard_ids)

    async def put_in_each(self) -> None:
        for shard_id in self.shard_ids:
            self.event(f"user-{shard_id}", shard=shard_id)

    def read(self, times: int) -> int:
        """Shards whose own account has so many records."""
        return sum(item.progress.accounted["read"] >= times for item in self.table.shards.values())


class Stretch(msgspec.Struct):
    """One line of the result: what happened, how long it took, what the table was asked meanwhile."""

    what: str
    lasted_s: float
    fewest: int
    most: int
    billed: Billed
    table_bytes: int

    @property
    def balances(self) -> bool:
        """Leases had to move."""
        return self.billed.takes > 0

    def row(self) -> dict[str, object]:
        billed, lasted_s = self.billed, max(self.lasted_s, _LOOK_EVERY_S)
        return {
            "what": self.what,
            "s": round(self.lasted_s, 2),
            "failover times": round(self.lasted_s / FAILOVER_S, 2),
            "leases a worker": f"{self.fewest} to {self.most}",
            "takes": billed.takes,
            "requests": billed.requests,
            "refused": billed.refused,
            "scans/s": round(billed.scans / lasted_s, 1),
            "items read/s": round(billed.items_read / lasted_s),
            "KiB": round(self.table_bytes / 1024),
            "read units/s": round(billed.read_units / lasted_s),
            "writes/s": round(billed.writes / lasted_s, 1),
            "write units/s": round(billed.write_units / lasted_s, 1),
        }


async def fleet(shards: int, workers: int, lost: int, say: Say) -> Result:
    world = Fleet(shards)
    stretches: list[Stretch] = []

    async def happens(what: str, event: Awaitable[None], is_over: Callable[[], bool], at_most_s: float) -> None:
        say(what)
        stretches.append(await _stretch(world, what, event, is_over, at_most_s))

    async def settles(what: str, event: Awaitable[None]) -> None:
        await happens(what, event, world.is_balanced, _BALANCED_FAILOVERS_MAX * FAILOVER_S)

    async def is_read(times: int) -> None:
        await happens("one record each", world.put_in_each(), lambda: world.read(times) == shards, _READ_TIMEOUT_S)

    await settles(f"{workers} start", world.start(workers))
    await happens("nothing", world.clock.sleep(_STEADY_S), lambda: True, 1)
    await is_read(1)
    await settles(f"{lost} die", world.kill(lost))
    await settles(f"{lost} come anew", world.start(lost))
    await is_read(2)
    options = {"shards": shards, "workers": workers, "lost": lost, "failover_time_s": FAILOVER_S}
    promises = _promises(world, [one for one in stretches if one.balances], stretches[1])
    return Result("fleet", options, [one.row() for one in stretches], promises)


async def _stretch(
    world: Fleet, what: str, event: Awaitable[None], is_over: Callable[[], bool], at_most_s: float
) -> Stretch:
    world.metered.billed()
    began_s = world.clock.elapsed_s()
    await event
    await world.until(is_over, within_s=at_most_s, every_s=_LOOK_EVERY_S)
    held = world.held()
    return Stretch(
        what,
        world.clock.elapsed_s() - began_s,
        held[0],
        held[-1],
        world.metered.billed(),
        world.metered.size_bytes,
    )


def _promises(world: Fleet, balanced: Sequence[Stretch], steady: Stretch) -> list[Promise]:
    sent = Counter(world.sent().values())
    return [
        Promise(
            "balanced after failover times, max",
            round(max(one.lasted_s for one in balanced) / FAILOVER_S, 2),
            at_most=_BALANCED_FAILOVERS_MAX,
        ),
        Promise("leases of one worker apart, max", max(one.most - one.fewest for one in balanced), at_most=1),
        Promise("shards not read", len(world.shard_ids) - world.read(2), at_most=0),
        Promise("sent twice", sum(count for times, count in sent.items() if times > 1), at_most=0),
        Promise("leases that move while nothing happens", steady.billed.takes + steady.billed.requests, at_most=0),
    ]


@click.command(help=__doc__)
@click.option("--shards", default=2_000, show_default=True)
@click.option("--workers", default=100, show_default=True)
@click.option("--lost", default=10, show_default=True, help="Of them, by kill -9; as many come anew.")
@json_option
def main(shards: int, workers: int, lost: int, as_json: bool) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        result = runner.run(fleet(shards, workers, lost, sayer()))
    show(result, as_json=as_json)
    sys.exit(1 if result.broken else 0)


if __name__ == "__main__":
    main()
