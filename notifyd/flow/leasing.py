"""Which shards run here: scans the lease table, takes what is free or whose owner is dead, runs and releases."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import msgspec
import structlog

from notifyd.core.balance import Turn, plan_turn, scan_pause_s
from notifyd.core.lease import Liveness, ShardItem
from notifyd.core.time_slots import Part
from notifyd.core.window import Window
from notifyd.errors import AwsError, DamagedItem, TransportError
from notifyd.flow.backoff import Backoff
from notifyd.flow.heart import Heart
from notifyd.flow.shard import ShardEnded, ShardParts, ShardRun
from notifyd.flow.streams import sync
from notifyd.flow.watch import LEASE_TABLE, Watch
from notifyd.ports import Clock, Entropy, LeaseScan, LeaseTable
from notifyd.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

_LISTING_INTERVAL_S = 30.0
_ERROR_PAUSE_S = 5.0


class LeaseTimes(msgspec.Struct, frozen=True):
    scan_interval_s: float
    failover_time_s: float
    leases_max: int = 1000


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
        self._damaged: set[str] = set()
        self._finished: dict[str, int] = {}
        self._listing_due_at_s: dict[str, float] = {}
        self._paused_until_s: dict[str, float] = {}
        self._workers = 1
        self._unanswered: dict[str, tuple[ShardItem, str]] = {}  # takes, until the next scan tells
        self._scan_again = False
        self._stopping = False
        self._stopped = asyncio.Event()
        self.sources: Mapping[str, ShardParts] = {}
        self.runs: dict[str, ShardRun] = {}
        self.scanned_at_s: float | None = None
        self.standing_by = False
        self.part = Part()

    async def run(self) -> None:
        """Until `stop`; returns when every shard has been released."""
        async with asyncio.TaskGroup() as shards:
            while not self._stopping:
                self._scan_again = False
                await self._turn(shards)
                try:
                    async with asyncio.timeout(self._pause_s()):
                        await self._stopped.wait()
                except TimeoutError:
                    continue
            for run in self.runs.values():
                run.request_stop()
            await self._settle_takes(shards)

    async def _settle_takes(self, shards: asyncio.TaskGroup) -> None:
        """A take that was not answered may hold its shard: what nobody runs nobody would give back."""
        backoff = Backoff(self._clock, self._entropy, base_s=0.1, max_s=2.0)
        while self._unanswered:
            for seen, commit_id in list(self._unanswered.values()):
                await self._take_one(seen, commit_id, shards)
            if self._unanswered:
                await backoff.wait()

    def _pause_s(self) -> float:
        if self._scan_again:  # new shards are in the table now, and nobody has read them yet
            return 0.0
        return scan_pause_s(self._times.scan_interval_s, self._workers, self._times.failover_time_s)

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
            self._watch.dependency_failed(LEASE_TABLE, str(error) or "no answer")
            return
        self._watch.dependency_worked(LEASE_TABLE)
        self._unanswered.clear()
        now_s = self._clock.elapsed_s()
        self.scanned_at_s = now_s
        self._workers = len(scan.heartbeats)
        owners = [item.lease_owner for item in scan.shards]
        gap_max_s = self._times.failover_time_s / 2
        self._liveness.scanned(scan.heartbeats, owners, now_s, gap_max_s)
        self.part = self._part(scan, now_s)
        self._note_damage(scan)
        self._hand_off(scan)
        await self._lead(scan, began_s)
        await self._take(scan, shards, began_s)
        await self._remove_dead(scan, began_s)
        self._metrics.leases_held.set(len(self.runs))

    def _part(self, scan: LeaseScan, now_s: float) -> Part:
        alive = {beat.worker_id for beat in scan.heartbeats if self._liveness.is_live(beat.worker_id, now_s)}
        alive.add(self._heart.worker_id)
        return Part(sorted(alive).index(self._heart.worker_id), len(alive))

    def _note_damage(self, scan: LeaseScan) -> None:
        """A shard whose item can be read again has been repaired, and goes on."""
        damaged = {damage.key: damage.why for damage in scan.damaged}
        for item in scan.shards:
            try:
                Window.recovered(item.progress)
            except ValueError as damage:
                damaged[item.key] = str(damage)
        for key, why in damaged.items():
            self._watch.shard_stopped(key, why)
        for key in self._damaged - damaged.keys():
            self._watch.shard_mended(key)
        self._damaged = set(damaged)

    def _hand_off(self, scan: LeaseScan) -> None:
        """What another worker asked for is drained, committed and released; it waits there for that worker."""
        for item in scan.shards:
            run = self.runs.get(item.key)
            if run is not None and item.requested_by and item.lease_owner == self._heart.worker_id:
                run.request_stop()

    async def _lead(self, scan: LeaseScan, now_s: float) -> None:
        """One worker lists a stream's shards; another takes that over when it is dead."""
        me = self._heart.worker_id
        for name, parts in self.sources.items():
            stream = scan.streams.get(name)
            if stream is None:
                continue
            try:
                leads = stream.leader == me
                if not leads and not self._liveness.is_live(stream.leader, now_s):
                    leads = await self._table.lead(stream, me)
                if leads and self._listing_is_due(name, scan, now_s):
                    outcome = await sync(parts.source, self._table, scan, self._watch, self._clock.now_s())
                    self._finished[name] = _finished(scan, name)
                    self._listing_due_at_s[name] = now_s + (0.0 if outcome.new else _LISTING_INTERVAL_S)
                    self._scan_again = self._scan_again or bool(outcome.new)
            except (AwsError, TransportError) as error:
                self._watch.dependency_failed(name, str(error))

    def _listing_is_due(self, name: str, scan: LeaseScan, now_s: float) -> bool:
        """At start, every half minute, and when a shard has ended: its children may start."""
        ended = _finished(scan, name) != self._finished.get(name)
        return ended or now_s >= self._listing_due_at_s.get(name, 0.0)

    async def _take(self, scan: LeaseScan, shards: asyncio.TaskGroup, now_s: float) -> None:
        """Takes what is free as far as my share goes; asks for the rest of it."""
        me = self._heart.worker_id
        turn = plan_turn(
            [item for item in scan.shards if item.source in self.sources],
            [beat.worker_id for beat in scan.heartbeats if beat.leases_max > 0],
            self._liveness,
            me=me,
            running=self.runs.keys(),
            damaged=[damage.key for damage in scan.damaged],
            now_s=now_s,
            leases_max=self._times.leases_max,
        )
        self._warn_of_unread(turn)
        self.standing_by = not self.runs and not turn.takes
        for seen in turn.takes:
            if self._stopping:
                return
            if now_s < self._paused_until_s.get(seen.key, 0.0) or seen.key in self._watch.stopped_shards:
                continue
            await self._take_one(seen, self._entropy.token(), shards)
        for seen in turn.requests:
            try:
                await self._table.request(seen, me)
            except (AwsError, TransportError) as error:
                log.warning("request_unanswered", shard=seen.key, error=str(error))

    def _warn_of_unread(self, turn: Turn) -> None:
        if turn.unread:
            self._watch.alerts.note(
                "shards are not read",
                f"{turn.unread} shards are more than all workers together can hold; start more workers",
            )

    async def _take_one(self, seen: ShardItem, commit_id: str, shards: asyncio.TaskGroup) -> None:
        self._unanswered.pop(seen.key, None)
        try:
            item = await self._table.take(seen, self._heart.worker_id, commit_id)
        except DamagedItem as damage:
            self._watch.shard_stopped(seen.key, str(damage))
            return
        except (AwsError, TransportError) as error:
            log.warning("take_unanswered", shard=seen.key, error=str(error))
            self._unanswered[seen.key] = seen, commit_id
            return
        if item is None:
            return
        log.info("lease_taken", shard=item.key, epoch=item.epoch, previous_owner=seen.lease_owner)
        run = ShardRun(item, self.sources[item.source])
        self.runs[item.key] = run
        shards.create_task(self._run(run))
        if self._stopping:
            run.request_stop()

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


def _finished(scan: LeaseScan, source: str) -> int:
    """How many shards of it were read to their end."""
    return sum(item.is_finished for item in scan.shards if item.source == source)
