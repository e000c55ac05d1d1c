"""One contestant measured: fill the source, wait until the sinks have it all, ask the kernel what it cost."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec.structs import replace

from bench.accepted import Accepted
from bench.contestants import SourceKind
from bench.expected import Expected
from bench.figures import Figure, Spent, Window
from bench.options import Load
from bench.processes import BenchFailed, Process, Usage, usage_of
from bench.setup import Surroundings

SATURATED = "saturated"
_POLL_S = 0.05
# Longer than any pause a healthy contestant makes: idle polls stretch to 5 s, lease fail-over is not part of this.
_STALL_S = 20.0
# Events a second and shard, for longer than an idle shard may sleep.
_TRICKLE_PER_S = 5.0
_TRICKLE_S = 6.0
# After everything is accepted: time for a late duplicate to arrive.
_AFTERWARDS_S = 2.0
# More than any measurement lasts: what has not arrived when it ends never does.
_ENDLESS_S = 1_000.0


class Measurement(msgspec.Struct, frozen=True):
    """`windows` by name, in order; `figures`: what a table shows of them. The rest is over all that was produced.

    `queued`: messages handed to a retry queue or DLQ, none where nothing ever fails. `connections`: that the
    receivers saw, where they tell. `exit_code`: after SIGTERM.
    """

    windows: dict[str, Window]
    figures: list[Figure]
    produced: int
    expected: Expected
    rss_max_mib: float
    lost: int
    duplicates: int
    bad_ids: int
    log_rows_missing: int
    queued: int
    connections: int
    exit_code: int

    @property
    def is_saturated(self) -> bool:
        """Not every workload fills its contestant up."""
        return SATURATED in self.windows

    @property
    def saturated(self) -> Window:
        return self.windows[SATURATED]


class Begun(msgspec.Struct, frozen=True):
    """Where a window begins."""

    at_s: float
    usage: Usage
    servers_cpu_s: float


class Run:
    """One contestant on one source, from its start to the end of what it was given."""

    def __init__(self, process: Process, around: Surroundings, kind: SourceKind) -> None:
        self.around = around
        self.windows: dict[str, Window] = {}
        self.produced = 0
        self._process = process
        self._kind = kind
        self._expected = Expected(0, 0)

    @property
    def pid(self) -> int:
        return self._process.pid

    def measure(self, load: Load) -> Measurement:
        figures = self.around.workload.phases(self, load, self.around.options)
        time.sleep(_AFTERWARDS_S)
        rss_max_mib = self.rss_max_mib()
        exit_code = self._process.stop()  # before the last count: what is sent while draining counts, too
        accepted, log = self._accepted(), self.around.dynamodb.control("stats")
        return Measurement(
            windows=self.windows,
            figures=figures,
            produced=self.produced,
            expected=self._expected,
            rss_max_mib=rss_max_mib,
            lost=max(0, self._expected.deliveries - accepted.unique),
            # More than there should be are the same ones under other ids.
            duplicates=accepted.duplicates + max(0, accepted.unique - self._expected.deliveries),
            bad_ids=accepted.bad_ids,
            log_rows_missing=self._expected.rows - log["unique"] - log["suppressed"],
            queued=self.around.sinks.control("stats")["queued"],
            connections=accepted.connections,
            exit_code=exit_code,
        )

    # --- whole windows ---

    def saturated(self, events: int) -> Window:
        self.windows[SATURATED] = window = self.fill(events)
        return window

    def paced(self, name: str, rate_per_s: float, lasts_s: float) -> Window:
        self.windows[name] = window = self.fill(int(rate_per_s * lasts_s), rate_per_s)
        return window

    def rest(self, name: str, lasts_s: float) -> Window:
        """What it costs while nothing comes."""
        begun = self.begin()
        time.sleep(lasts_s)
        return self.keep(name, begun, 0, self.now_s())

    def wake(self, shards: int) -> None:
        """A trickle for every shard: one that slept for 5 s would start with a backlog of 5 s."""
        self.fill(int(shards * _TRICKLE_PER_S * _TRICKLE_S), shards * _TRICKLE_PER_S)

    def fill(self, events: int, rate_per_s: float = 0.0) -> Window:
        """`rate_per_s` 0: all at once. Returns when all of it is accepted and written to the log."""
        self._produce(events)
        begun = self.begin()
        self.around.source.control("append", source=self._kind, events=events, rate_per_s=rate_per_s)
        # What was appended is rendered by now: that is not serving.
        begun = replace(begun, at_s=self.now_s(), servers_cpu_s=self._servers_cpu_s())
        self.settle()
        return self._window(begun, events)

    # --- their parts ---

    def begin(self) -> Begun:
        for server in {*self.around.servers(), *self.around.receiver.counters}:
            server.control("window")
        return Begun(self.now_s(), self._process.usage(), self._servers_cpu_s())

    def keep(self, name: str, begun: Begun, events: int, until_s: float) -> Window:
        self.windows[name] = window = self._window(begun, events, until_s)
        return window

    def source_away(self, *, away: bool) -> None:
        self.around.source.control("away", away=away)

    def shards_taken(self) -> int:
        """Shards that have an owner."""
        return len(self.around.dynamodb.control("owners")["owners"])

    @staticmethod
    def now_s() -> float:
        return time.time_ns() / 1e9

    def _window(self, begun: Begun, events: int, until_s: float | None = None) -> Window:
        """`until_s`: None is when the last one was accepted."""
        # Before they are asked: to count all rows is not serving.
        after, servers_cpu_s = self._process.usage(), self._servers_cpu_s()
        accepted = self._accepted()
        spent = Spent(
            wall_s=(accepted.last_accepted_s if until_s is None else until_s) - begun.at_s,
            cpu_s=after.cpu_s - begun.usage.cpu_s,
            loop_cpu_s=after.loop_cpu_s - begun.usage.loop_cpu_s,
            queued_s=after.queued_s - begun.usage.queued_s,
            servers_cpu_s=servers_cpu_s - begun.servers_cpu_s,
            piece_s=self.around.pace.since(begun.at_s),
        )
        return Window.of(events, accepted.accepted, spent, accepted.latency, self._calls(), self._units())

    def begin_load(self, rate_per_s: float) -> None:
        """On and on, until `end_load`."""
        events = int(rate_per_s * _ENDLESS_S)
        self.around.source.control("append", source=self._kind, events=events, rate_per_s=rate_per_s)

    def end_load(self) -> None:
        """Returns when all that arrived is accepted and written to the log."""
        arrived: int = self.around.source.control("halt")[self._kind]
        self._produce(arrived - self.produced)
        self.settle()

    def arrived(self) -> int:
        """In the source, from the start on."""
        count: int = self.around.source.control("progress")[self._kind]
        return count

    def accepted(self) -> int:
        """Deliveries, from the start on."""
        return sum(counter.control("progress")["unique"] for counter in self.around.receiver.counters)

    def settle(self) -> None:
        """Until all is accepted and written to the log, or nothing has moved for a while: then it is lost."""
        seen, moved_s = -1, time.perf_counter()
        while (done := self._done()) < self._expected.deliveries + self._expected.rows:
            now_s = time.perf_counter()
            if done != seen:
                seen, moved_s = done, now_s
            self._check_alive()
            if now_s - moved_s > _STALL_S:
                return
            time.sleep(_POLL_S)

    def until(self, what: str, is_so: Callable[[], object], timeout_s: float) -> None:
        if not self.comes_true(is_so, timeout_s):
            raise BenchFailed(f"not after {timeout_s:g} s: {what}\n{self._process.told()}")

    def comes_true(self, is_so: Callable[[], object], within_s: float) -> bool:
        by_s = time.perf_counter() + within_s
        while not is_so():
            self._check_alive()
            if time.perf_counter() > by_s:
                return False
            time.sleep(_POLL_S)
        return True

    def rss_mib(self) -> float:
        return self._process.memory_mib("VmRSS")

    def rss_max_mib(self) -> float:
        return self._process.memory_mib("VmHWM")

    def _produce(self, events: int) -> None:
        numbers = range(self.produced, self.produced + events)
        self.produced += events
        self._expected += self.around.workload.expects(numbers, self.around.options)

    def _check_alive(self) -> None:
        if self._process.ended:
            raise BenchFailed(f"{self._process.log.stem} has ended:\n{self._process.told()}")

    def _done(self) -> int:
        """Rows, which follow what they tell of: who takes it is asked when all of them are there."""
        written: int = self.around.dynamodb.control("progress")["rows"]
        return written if written < self._expected.rows else written + self.accepted()

    def _accepted(self) -> Accepted:
        return Accepted.of(counter.control("stats") for counter in self.around.receiver.counters)

    def _servers_cpu_s(self) -> float:
        return sum(usage_of(pid).cpu_s for pid in self.around.pids())

    def _units(self) -> dict[str, float]:
        units: dict[str, float] = self.around.dynamodb.control("stats")["units"]
        return units

    def _calls(self) -> dict[str, int]:
        calls: Counter[str] = Counter()
        for server in self.around.servers():
            said: dict[str, Any] = server.control("stats")
            calls.update(said["calls"])
        return dict(calls.most_common())
