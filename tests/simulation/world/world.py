"""Everything outside the workers: streams, tables, queues, the provider, and who judges."""

from __future__ import annotations

from collections import Counter

from notifyd.core.channel import Channel
from notifyd.core.log_row import LogRow
from notifyd.core.retry_message import RetryMessage
from notifyd.ports import Limits
from tests.fakes.queues import FakeAlerts
from tests.simulation.dice import Dice
from tests.simulation.judge import Judge
from tests.simulation.loop import SeededLoop
from tests.simulation.network import Network
from tests.simulation.trace import Trace
from tests.simulation.world.load import Burst, Written
from tests.simulation.world.people import People
from tests.simulation.world.provider import Account
from tests.simulation.world.releases import Releases
from tests.simulation.world.stream import WorldSource
from tests.simulation.world.tables import WorldDeadLetters, WorldLog, WorldRetryQueue, WorldTable

EPOCH_S = 1_700_000_000.0
VISIBILITY_S = 60.0
CHANNELS = (Channel.EMAIL, Channel.PUSH_IOS)
# As shipped: on for Kinesis, off for a table of which nothing but INSERT is let through.
DEDUPE_WINDOW_S = 900.0
# Without faults; with them, tighter ones are drawn too, under which claimed deliveries wait their turn.
LIMITS = Limits(batch_max=10, in_flight_max=8, payload_bytes_max=1 << 20, rate_per_s=200.0)


class WorldClock:
    """The services' own time."""

    def __init__(self, loop: SeededLoop) -> None:
        self._loop = loop

    def now_s(self) -> float:
        return EPOCH_S + self._loop.time()

    def elapsed_s(self) -> float:
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(f"a service that waits {seconds} s within a call")


class World:
    """`broken`: promises, as they are found broken."""

    def __init__(
        self,
        loop: SeededLoop,
        dice: Dice,
        trace: Trace,
        broken: list[str],
        *,
        shards: tuple[int, int],
        limits: Limits,
    ) -> None:
        self.loop = loop
        self.dice = dice
        self.trace = trace
        self.clock = WorldClock(loop)
        self.network = Network(loop, dice.sub("network"), trace, broken)
        self.fired: Counter[str] = self.network.fired
        self.people = People(loop.time)
        self.releases = Releases()
        self.judge = Judge(self)
        self.table = WorldTable(self.judge)
        self.log = WorldLog(self.judge)
        self.retry = {channel: self._retry_queue() for channel in CHANNELS}
        self.dead = WorldDeadLetters()
        self.dead.watcher = self.judge
        self.alerts = FakeAlerts()
        self.account = Account(dice.sub("provider"), self.people.refused, limits)
        self.account.fired = self.fired
        self.sources = [
            self._source("kinesis:events", shards[0], knows_timestamps=True, dedupe_window_s=DEDUPE_WINDOW_S),
            self._source("dynamodb:orders", shards[1], knows_timestamps=False, dedupe_window_s=None),
        ]
        self.bursts_left = 0

    def _source(
        self, name: str, shards: int, *, knows_timestamps: bool, dedupe_window_s: float | None
    ) -> WorldSource:
        source = WorldSource(
            self.clock,
            name=name,
            shards=[f"shard-{number}" for number in range(shards)],
            knows_timestamps=knows_timestamps,
            dedupe_window_s=dedupe_window_s,
        )
        source.may_be_read = self.judge.reading
        return source

    def _retry_queue(self) -> WorldRetryQueue:
        queue = WorldRetryQueue(self.clock, visibility_s=VISIBILITY_S)
        queue.watcher = self.judge
        return queue

    def retried(self) -> list[RetryMessage]:
        """All that waits to be tried again."""
        return [message for queue in self.retry.values() for message in queue.messages]

    def put(self, burst: Burst) -> None:
        """Over the shards that are open now; some of Kinesis's come in aggregates."""
        dice = self.dice.sub(f"put {burst.at_s}")
        source = self.sources[burst.source]
        records = list(burst.records)
        while records:
            count = dice.one_of((1, 1, 1, 3)) if burst.source == 0 else 1
            group, records = records[:count], records[count:]
            shard = dice.one_of(source.open)
            positions = source.put_aggregate([one.body for one in group], shard)
            for position, written in zip(positions, group, strict=True):
                self.judge.put(source, shard, position, written)
        self.bursts_left -= 1

    def put_one(self, source: WorldSource, shard: str, written: Written) -> None:
        self.judge.put(source, shard, source.put(written.body, shard), written)

    def rows(self) -> list[LogRow]:
        return self.log.rows()
