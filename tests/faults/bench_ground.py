"""What faults at a rate of thousands stand on: the bench's servers and replicas of the daemon.

They carry ten thousand events a second where the embedded AWS carries hundreds, and count: every event's mail
is known by its number, and the lease table tells whose shards are whose.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from bench.contestants import IDENTITY, SourceKind, write_config
from bench.options import Cores, Options, choose_cores
from bench.setup import Surroundings, surroundings
from bench.workloads import EMAIL
from notifyd.ports import Clock
from notifyd.system import SystemClock
from tests.faults.processes import Replica, RunFailed

_LOOK_EVERY_S = 0.05
_STOP_TIMEOUT_S = 40.0
# More than any run arrives at: what has not come when all is caught up never does.
_LOAD_S = 1_000.0


class OutagePlan(msgspec.Struct, frozen=True):
    rate_per_s: float = 2_000.0
    outage_s: float = 60.0
    shards: int = 10
    replicas: int = 2
    source: SourceKind = SourceKind.KINESIS


class Moment(msgspec.Struct, frozen=True):
    """`arrived`: events in the stream; `taken`: those whose mail was accepted."""

    at_s: float
    arrived: int
    taken: int


class BenchGround:
    """Servers, replicas, and what is seen of them."""

    def __init__(self, plan: OutagePlan, around: Surroundings, cores: Cores) -> None:
        self.plan = plan
        self._config = write_config(plan.source, around)
        self._started = 0
        self.clock: Clock = SystemClock()
        self.replicas: list[Replica] = []
        self._around = around
        self._cores = cores

    async def start_replica(self) -> None:
        self._started += 1
        name = f"replica-{self._started}"
        environment = {"PATH": os.defpath, **self._around.environment(), **IDENTITY}
        replica = await Replica.start(
            name, ["run", "--config", str(self._config)], environment, self._around.folder
        )
        self.replicas.append(replica)
        if self._cores.contestant is not None:
            os.sched_setaffinity(replica.pid, {self._cores.contestant})

    def owners(self) -> dict[str, tuple[str, int]]:
        """Owner and epoch of each shard."""
        said: dict[str, tuple[str, int]] = self._around.dynamodb.control("owners")["owners"]
        return {key: (owner, epoch) for key, (owner, epoch) in said.items()}

    def is_shared(self) -> bool:
        owners = [owner for owner, _ in self.owners().values()]
        shares = [owners.count(replica.worker_id) for replica in self.replicas]
        return sum(shares) == self.plan.shards and max(shares) - min(shares) <= 1

    def begin_load(self) -> None:
        plan = self.plan
        events = int(plan.rate_per_s * _LOAD_S)
        self._around.source.control("append", source=plan.source, events=events, rate_per_s=plan.rate_per_s)

    def fill(self, events: int) -> None:
        """All at once."""
        self._around.source.control("append", source=self.plan.source, events=events, rate_per_s=0.0)

    def end_load(self) -> int:
        """How many events there were."""
        arrived: int = self._around.source.control("halt")[self.plan.source]
        return arrived

    def away(self, *, away: bool) -> None:
        for server in self._around.servers():
            server.control("away", away=away)

    def look(self) -> Moment:
        taken = self._around.sinks.control("progress")["unique"]
        return Moment(self.clock.now_s(), self._around.source.control("progress")[self.plan.source], taken)

    def counts(self) -> dict[str, Any]:
        rows = self._around.dynamodb.control("stats")["rows"]
        return {**self._around.sinks.control("stats"), "rows": rows}

    async def until(self, what: str, seen: list[Moment], is_so: Callable[[], object], timeout_s: float) -> None:
        """Looks often; each look is added to `seen`. Raises RunFailed."""
        until_s = self.clock.elapsed_s() + timeout_s
        while self.clock.elapsed_s() < until_s:
            seen.append(self.look())
            if is_so():
                return
            for replica in self.replicas:
                if replica.exit_code is not None:
                    raise RunFailed(f"{replica.name} ended with {replica.exit_code}:\n{replica.last_words}")
            await self.clock.sleep(_LOOK_EVERY_S)
        raise RunFailed(f"not after {timeout_s:g} s: {what}\n{self.replicas[0].last_words}")

    async def stop(self) -> list[int]:
        """SIGTERM to all; exit codes."""
        for replica in self.replicas:
            replica.send(signal.SIGTERM)
        async with asyncio.timeout(_STOP_TIMEOUT_S):
            return [await replica.ended() for replica in self.replicas]

    async def end_replicas(self) -> None:
        for replica in self.replicas:
            if replica.exit_code is None:
                await replica.kill()


@asynccontextmanager
async def open_bench_ground(plan: OutagePlan) -> AsyncIterator[BenchGround]:
    """Everything is ended and removed when the context ends. The replicas share a core, the servers another."""
    cores = choose_cores()
    with (
        TemporaryDirectory(prefix="notifyd-outage-") as folder,
        surroundings(EMAIL, Options(shards=plan.shards), cores, Path(folder)) as around,
    ):
        ground = BenchGround(plan, around, cores)
        try:
            for _ in range(plan.replicas):
                await ground.start_replica()
            yield ground
        finally:
            await ground.end_replicas()
