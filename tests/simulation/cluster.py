"""The workers: real engines, each in a process of its own, started, killed and started again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
from prometheus_client import CollectorRegistry

from notifyd.core.channel import Channel
from notifyd.core.policy import DeliveryRules
from notifyd.core.sequence import TrimHorizon
from notifyd.errors import AwsError, TransportError
from notifyd.flow.engine import Engine
from notifyd.flow.feed_turns import FeedTimes
from notifyd.flow.setup import FlowSettings, Outside, SourceSetup
from notifyd.ports import Provider, ProviderRoute
from notifyd.system import SystemClock
from notifyd.telemetry.metrics import Metrics
from tests.fakes.control_table import FakeControlTable
from tests.simulation.daemon import CATALOGS, DECODERS, IDENTITY, SHELF
from tests.simulation.dice import DiceEntropy
from tests.simulation.process import Process, State
from tests.simulation.through import AlertsPort, DirectoryPort, RetryQueuePort, SourcePort, Through
from tests.simulation.world.provider import ProviderPort
from tests.simulation.world.tables import LogOf
from tests.simulation.world.world import CHANNELS, EPOCH_S, VISIBILITY_S, World


class Parts(msgspec.Struct, frozen=True):
    """What a seeded bug replaces: the daemon's own parts stand here otherwise."""

    engine: Callable[..., Engine] = Engine
    outside: Callable[[Outside, Process, World], Outside] = lambda outside, _process, _world: outside


class Worker:
    def __init__(self, process: Process) -> None:
        self.process = process
        self.engine: Engine | None = None
        self.stop = asyncio.Event()


class Cluster:
    """`workers` processes at a time: one that died is followed by another, under another name."""

    def __init__(self, world: World, settings: FlowSettings, parts: Parts, *, workers: int) -> None:
        self._world = world
        self._settings = settings
        self._parts = parts
        self._count = workers
        self._dice = world.dice.sub("cluster")
        self._number = 0
        self._closing = False
        self.workers: list[Worker] = []

    def start_all(self) -> None:
        for _ in range(self._count):
            self.start()

    def start(self) -> None:
        if self._closing:
            return
        self._number += 1
        process = Process(f"w{self._number}")
        process.on_crash = self._crashed
        worker = Worker(process)
        self.workers.append(worker)
        self._world.loop.create_task(self._run(worker), context=process.context())

    def running(self) -> list[Worker]:
        return [worker for worker in self.workers if worker.process.is_alive]

    def restart(self, worker: Worker) -> None:
        """SIGTERM; another comes when it has ended."""
        worker.stop.set()

    async def close(self) -> None:
        self._closing = True
        for worker in self.running():
            worker.stop.set()
        while self.running():  # noqa: ASYNC110 - a pause may outlast any event
            await asyncio.sleep(0.5)  # noqa: TID251 - of the world's own time

    def _crashed(self, process: Process, point: str) -> None:
        self._world.judge.crashed(process, point)
        self._world.network.later(self._dice.between(0.2, 8.0), self.start)

    async def _run(self, worker: Worker) -> None:
        process = worker.process
        try:
            worker.engine = self._build(process)
            await worker.engine.run(worker.stop)
        except (AwsError, TransportError):
            self._world.fired["could not start"] += 1
        except BaseException as error:  # noqa: BLE001 - whatever else ends a worker is what is looked for
            self._world.network.broken.append(f"{process.name} ended by {error!r}: {_inside(error)}")
        process.state = State.ENDED
        if not self._closing:
            self._world.network.later(self._dice.between(0.2, 5.0), self.start)

    def _build(self, process: Process) -> Engine:
        world, network = self._world, self._world.network
        loop = world.loop
        clock = SystemClock(loop.time, lambda: EPOCH_S + loop.time() + process.skew_s)
        outside = Outside(
            clock=clock,
            entropy=DiceEntropy(world.dice.sub(process.name), process.name),
            lease_table=Through("leases", world.table, process, network),
            delivery_log=Through("log", LogOf(world.log, process.name), process, network),
            retry_queues={
                channel: RetryQueuePort(
                    queue,
                    process,
                    network,
                    clock,
                    visibility_s=VISIBILITY_S,
                    on_received=world.judge.answers.received,
                )
                for channel, queue in world.retry.items()
            },
            dead_letters=Through("dead", world.dead, process, network),
            alerts=AlertsPort("alerts", world.alerts, process, network),
            directory=DirectoryPort(world.people.directory, process, network, on_told=world.judge.answers.told),
            lookups={},
            control=FakeControlTable(),
            providers={channel: [ProviderRoute(self._provider(channel, process))] for channel in CHANNELS},
            sources=[
                SourceSetup(
                    SourcePort("source", source, process, network),
                    decoder,
                    TrimHorizon(),
                    None,
                    FeedTimes(poll_interval_s=0.2, idle_poll_max_s=5.0),
                    source.dedupe_window_s,
                )
                for source, decoder in zip(world.sources, DECODERS, strict=False)
            ],
        )
        return self._parts.engine(
            self._parts.outside(outside, process, world),
            msgspec.structs.replace(self._settings, worker_id=process.name),
            catalog=CATALOGS[world.releases.current.name],
            rules=DeliveryRules(frozenset(CHANNELS)),
            identity=IDENTITY,
            templates=SHELF,
            metrics=Metrics(
                CollectorRegistry(),
                version="0",
                providers={channel: ["simulated"] for channel in CHANNELS},
                sources=[source.name for source in world.sources],
            ),
        )

    def _provider(self, channel: Channel, process: Process) -> Provider:
        world = self._world
        return ProviderPort(
            channel,
            world.account,
            process,
            world.network,
            world.dice.sub(f"latency {channel} {process.name}"),
            on_send=world.judge.sending,
        )


def _inside(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return ", ".join(_inside(one) for one in error.exceptions)
    return repr(error)
