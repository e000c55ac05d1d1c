"""Which shards run here: scans the lease table, takes what is free or whose owner is dead, runs and releases."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import msgspec
import structlog

from notifyd.core.lease import Liveness, ShardItem, shard_key, stands_by, takeable
from notifyd.core.window import Window
from notifyd.errors import AwsError, DamagedItem, TransportError
from notifyd.flow.heart import Heart
from notifyd.flow.shard import ShardEnded, ShardParts, ShardRun
from notifyd.flow.streams import sync
from notifyd.flow.watch import Watch
from notifyd.ports import Clock, Entropy, LeaseScan, LeaseTable
from notifyd.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

_LISTING_INTERVAL_S = 30.0
_ERROR_PAUSE_S = 5.0


class LeaseTimes(msgspec.Struct, frozen=True):
    scan_interval_s: float
    failover_time_s: float


class LeaseKeeper:
    """Owns the shards that run in this process."""

    def __init__(
        self,
        *,
        table: LeaseTable,
        heart: Heart,
        times: LeaseTimes,
        clock: Clock,
        entropy: Entropy,
        watch: Watch,
        metrics: Metrics,
    ) -> None:
        self._table = table
        self._heart = heart
        self._times = times
        self._clock = clock
        self._entropy = entropy
        self._watch = watch
        self._metrics = metrics
        self._liveness = Liveness(times.failover_time_s)
        self._startable: dict[str, frozenset[str]] = {}
        self._listing_due_at_s: dict[str, float] = {}
        self._paused_until_s: dict[str, float] = {}
        self._stopping = False
        self._stopped = asyncio.Event()
        self.sources: Mapping[str, ShardParts] = {}
        self.runs: dict[str, ShardRun] = {}
        self.scanned_at_s: float | None = None
        self.standing_by = False

    async def run(self) -> None:
        """Until `stop`; returns when every shard has been released."""
        async with asyncio.TaskGroup() as shards:
            while not self._stopping:
                await self._turn(shards)
                try:
                    async with asyncio.timeout(self._times.scan_interval_s):
                        await self._stopped.wait()
                except TimeoutError:
                    continue
            for run in self.runs.values():
                run.request_stop()

    def stop(self) -> None:
        """Stop taking and reading; claimed work is finished, committed and released."""
        self._stopping = True
        self._stopped.set()

    async def _turn(self, shards: asyncio.TaskGroup) -> None:
        """One scan, and what follows from it. A failed one starts everybody's count anew."""
        # Whoever is judged is judged by what was read: a beat that came while the scan took its time counts.
        began_s = self._clock.elapsed_s()
        try:
            async with asyncio.timeout(self._times.failover_time_s / 2):
                scan = await self._table.scan()
        except (AwsError, TransportError, TimeoutError) as error:
            self._liveness.interrupted()
            self._watch.dependency_failed("lease_table", str(error) or "no answer")
            return
        self._watch.dependency_worked("lease_table")
        now_s = self._clock.elapsed_s()
        self.scanned_at_s = now_s
        owners = [item.lease_owner for item in scan.shards]
        gap_max_s = self._times.failover_time_s / 2
        self._liveness.scanned(scan.heartbeats, owners, now_s, gap_max_s)
        for damage in scan.damaged:
            self._watch.shard_stopped(damage.key, damage.why)
        self.standing_by = stands_by(scan.shards, self._liveness, me=self._heart.worker_id, now_s=began_s)
        if not self.standing_by:
            await self._sync(scan, now_s)
        await self._take(scan, shards, began_s)
        await self._remove_dead(scan, began_s)
        self._metrics.leases_held.set(len(self.runs))

    async def _sync(self, scan: LeaseScan, now_s: float) -> None:
        """Lists each source's shards when due: at start, every half minute, and after a shard has ended."""
        for name, parts in self.sources.items():
            if now_s < self._listing_due_at_s.get(name, 0.0) or name not in scan.streams:
                continue
            try:
                outcome = await sync(parts.source, self._table, scan, self._watch)
            except (AwsError, TransportError) as error:
                self._watch.dependency_failed(name, str(error))
                continue
            self._startable[name] = frozenset(shard_key(name, shard_id) for shard_id in outcome.startable)
            # New items show in the next scan, and what they allow with the listing after it.
            pause_s = self._times.scan_interval_s if outcome.new else _LISTING_INTERVAL_S
            self._listing_due_at_s[name] = now_s + pause_s

    async def _take(self, scan: LeaseScan, shards: asyncio.TaskGroup, now_s: float) -> None:
        startable = frozenset().union(*self._startable.values())
        takes = takeable(
            scan.shards,
            startable,
            self._liveness,
            me=self._heart.worker_id,
            running=self.runs.keys(),
            now_s=now_s,
        )
        for seen in takes:
            if self._stopping:
                return
            if now_s < self._paused_until_s.get(seen.key, 0.0) or seen.key in self._watch.stopped_shards:
                continue
            await self._take_one(seen, shards)

    async def _take_one(self, seen: ShardItem, shards: asyncio.TaskGroup) -> None:
        try:
            Window.recovered(seen.progress)  # a damaged item is left as it is found
            item = await self._table.take(seen, self._heart.worker_id, self._entropy.token())
        except (ValueError, DamagedItem) as damage:
            self._watch.shard_stopped(seen.key, str(damage))
            return
        except (AwsError, TransportError) as error:
            log.warning("take_unanswered", shard=seen.key, error=str(error))
            return
        if item is None:
            return
        log.info("lease_taken", shard=item.key, epoch=item.epoch, previous_owner=seen.lease_owner)
        run = ShardRun(item, self.sources[item.source])
        self.runs[item.key] = run
        shards.create_task(self._run(run))

    async def _run(self, run: ShardRun) -> None:
        key = run.item.key
        try:
            ended = await run.run()
        except Exception:
            log.exception("shard_failed", shard=key)
            ended = ShardEnded.ERROR
        finally:
            del self.runs[key]
            self._metrics.iterator_age.remove(run.item.source, run.item.shard_id)
        log.info("shard_ended", shard=key, reason=ended.value)
        if ended is ShardEnded.SHARD_END:
            self._listing_due_at_s[run.item.source] = 0.0
        if ended is ShardEnded.ERROR:
            self._watch.alerts.note(f"shard failed: {key}", "an unexpected error; see the log. It is taken again")
            self._paused_until_s[key] = self._clock.elapsed_s() + _ERROR_PAUSE_S

    async def _remove_dead(self, scan: LeaseScan, now_s: float) -> None:
        """Heartbeats of dead workers that own nothing any more."""
        owners = {item.lease_owner for item in scan.shards}
        for worker_id in self._liveness.dead(now_s):
            if worker_id not in owners and any(beat.worker_id == worker_id for beat in scan.heartbeats):
                try:
                    await self._table.remove_worker(worker_id)
                except (AwsError, TransportError) as error:
                    log.warning("dead_heartbeat_left", worker=worker_id, error=str(error))
