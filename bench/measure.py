"""One measurement: fill the source, wait until the sinks have it all, ask the kernel what it cost."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import msgspec

from bench.contestants import SourceKind
from bench.options import Options
from bench.processes import BenchFailed, Process, usage_of
from bench.profile import profiling
from bench.setup import Surroundings

_POLL_S = 0.05
# Longer than any pause a healthy contestant makes: idle polls stretch to 5 s, lease fail-over is not part of this.
_STALL_S = 20.0
# Events a second and shard, for longer than an idle shard may sleep.
_TRICKLE_PER_S = 5.0
_TRICKLE_S = 6.0
# After everything is accepted: time for a late duplicate to arrive.
_AFTERWARDS_S = 2.0


class Window(msgspec.Struct, frozen=True):
    """What one filling cost. `calls`: AWS calls by operation. Latencies: produced → accepted.

    `queued_s`: the contestant could have run, and something else had its core: the machine was not quiet.
    `servers_cpu_s`: of source and sinks. Near `wall_s` it is they who were measured.
    """

    events: int
    wall_s: float
    cpu_s: float
    loop_cpu_s: float
    queued_s: float
    servers_cpu_s: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    calls: dict[str, int]

    @property
    def events_per_core_s(self) -> float:
        return self.events / self.cpu_s if self.cpu_s else 0.0

    @property
    def cpu_us_an_event(self) -> float:
        return self.cpu_s / self.events * 1e6 if self.events else 0.0


class Measurement(msgspec.Struct, frozen=True):
    """`paced` is None where no rate was asked for. `lost` and `duplicates` are over all that was ever produced.

    `queued`: messages handed to a retry queue or DLQ, none where nothing ever fails. `connections`: that the
    receiver saw, where it tells. `exit_code`: after SIGTERM.
    """

    saturated: Window
    paced: Window | None
    produced: int
    rss_max_mib: float
    lost: int
    duplicates: int
    bad_ids: int
    log_rows_missing: int
    queued: int
    connections: int
    exit_code: int


class Accepted(msgspec.Struct, frozen=True):
    """What the receiver's counter says. `accepted` and latencies: of the window; not every counter knows these."""

    accepted: int
    unique: int
    duplicates: int
    bad_ids: int
    last_accepted_s: float
    p50_ms: float = 0.0
    p95_ms: float = 0.0
    p99_ms: float = 0.0
    connections: int = 0


class Load(msgspec.Struct, frozen=True):
    """What a contestant gets: first `warm` events to start up on, then the measured ones."""

    warm: int
    events: int
    rate_per_s: float
    paced_s: float


class Run:
    """One contestant on one source, from its start to the end of what it was given."""

    def __init__(self, process: Process, around: Surroundings, kind: SourceKind) -> None:
        self._process = process
        self._around = around
        self._kind = kind
        self.produced = 0

    def measure(self, load: Load, options: Options) -> Measurement:
        self.fill(load.warm)
        with profiling(self._process.pid, options.profile):
            saturated = self.fill(load.events)
        paced = self.paced(load.rate_per_s, load.paced_s, options.shards) if load.rate_per_s else None
        time.sleep(_AFTERWARDS_S)
        rss_max_mib = self._process.rss_max_mib()
        exit_code = self._process.stop()  # before the last count: what is sent while draining counts, too
        accepted = self._accepted()
        written = msgspec.convert(self._around.dynamodb.control("stats"), Accepted)
        return Measurement(
            saturated=saturated,
            paced=paced,
            produced=self.produced,
            rss_max_mib=rss_max_mib,
            lost=self.produced - accepted.unique,
            duplicates=accepted.duplicates,
            bad_ids=accepted.bad_ids,
            log_rows_missing=self.produced - written.unique,
            queued=self._around.sinks.control("stats")["queued"],
            connections=accepted.connections,
            exit_code=exit_code,
        )

    def paced(self, rate_per_s: float, lasts_s: float, shards: int) -> Window:
        """After a trickle that wakes every shard: one that slept for 5 s would start with a backlog of 5 s."""
        self.fill(int(shards * _TRICKLE_PER_S * _TRICKLE_S), shards * _TRICKLE_PER_S)
        return self.fill(int(rate_per_s * lasts_s), rate_per_s)

    def fill(self, events: int, rate_per_s: float = 0.0) -> Window:
        """`rate_per_s` 0: all at once. Returns when all of it is accepted and written to the log."""
        for server in {*self._around.servers(), self._around.receiver.counter}:
            server.control("window")
        before = self._process.usage()
        self._around.source.control("append", source=self._kind, events=events, rate_per_s=rate_per_s)
        servers_before_s = self._servers_cpu_s()  # what was appended is rendered by now: that is not serving
        produced_at_s = time.time_ns() / 1e9
        self.produced += events
        self._wait(events)
        after, servers_after_s = self._process.usage(), self._servers_cpu_s()
        accepted = self._accepted()
        return Window(
            events=accepted.accepted,
            wall_s=accepted.last_accepted_s - produced_at_s,
            cpu_s=after.cpu_s - before.cpu_s,
            loop_cpu_s=after.loop_cpu_s - before.loop_cpu_s,
            queued_s=after.queued_s - before.queued_s,
            servers_cpu_s=servers_after_s - servers_before_s,
            p50_ms=accepted.p50_ms,
            p95_ms=accepted.p95_ms,
            p99_ms=accepted.p99_ms,
            calls=self._calls(),
        )

    def _wait(self, events: int) -> None:
        """Until all is accepted and written to the log, or nothing has moved for a while: then it is lost."""
        seen, moved_s = -1, time.perf_counter()
        while (done := self._done()) < 2 * events:
            now_s = time.perf_counter()
            if done != seen:
                seen, moved_s = done, now_s
            if self._process.ended:
                raise BenchFailed(f"{self._process.log.stem} has ended:\n{self._process.told()}")
            if now_s - moved_s > _STALL_S:
                return
            time.sleep(_POLL_S)

    def _done(self) -> int:
        accepted: int = self._around.receiver.counter.control("progress")["accepted"]
        written: int = self._around.dynamodb.control("progress")["accepted"]
        return accepted + written

    def _accepted(self) -> Accepted:
        return msgspec.convert(self._around.receiver.counter.control("stats"), Accepted)

    def _servers_cpu_s(self) -> float:
        return sum(usage_of(pid).cpu_s for pid in self._around.pids())

    def _calls(self) -> dict[str, int]:
        calls: Counter[str] = Counter()
        for server in self._around.servers():
            said: dict[str, Any] = server.control("stats")
            calls.update(said["calls"])
        return dict(calls.most_common())
