"""What the admin port shows of the running engine. Answers from memory."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from notifyd.flow.engine import Engine
from notifyd.http.health import DependencyHealth, ShardHealth
from notifyd.ports import Clock


class Vitals:
    """Implements `http.health.Health`."""

    def __init__(self, engine: Engine, clock: Clock, *, version: str, scan_fresh_for_s: float) -> None:
        self._engine = engine
        self._clock = clock
        self._version = version
        self._scan_fresh_for_s = scan_fresh_for_s
        self.root: asyncio.Task[None] | None = None

    @property
    def version(self) -> str:
        return self._version

    @property
    def state(self) -> str:
        keeper = self._engine.keeper
        if self._engine.draining:
            return "draining"
        if keeper.scanned_at_s is None:
            return "starting"
        return "standing by" if not keeper.runs and keeper.standing_by else "running"

    def why_not_live(self) -> Sequence[str]:
        if self.root is not None and self.root.done():
            return ["the root task has ended"]
        return []

    def why_not_ready(self) -> Sequence[str]:
        """A stand-by is ready: it will take over, and needs no shard for that."""
        keeper = self._engine.keeper
        reasons = []
        if self._engine.draining:
            reasons.append("draining")
        now_s = self._clock.elapsed_s()
        if keeper.scanned_at_s is None or now_s - keeper.scanned_at_s > self._scan_fresh_for_s:
            reasons.append(f"the lease table was not read within {self._scan_fresh_for_s:.0f} s: nothing is taken")
        if keeper.runs and not self._engine.heart.is_fresh():
            reasons.append("the heartbeat is not acknowledged: sending has stopped")
        reasons += [f"{key} waits for a person: {why}" for key, why in self._engine.watch.stopped_shards.items()]
        return reasons

    def dependencies(self) -> Sequence[DependencyHealth]:
        now_s = self._clock.now_s()
        return [
            DependencyHealth(
                name=name,
                ok=state.failing_since_s is None,
                last_error=state.error or None,
                last_error_age_s=None if state.failing_since_s is None else now_s - state.failing_since_s,
            )
            for name, state in self._engine.watch.dependencies.items()
        ]

    def shards(self) -> Sequence[ShardHealth]:
        now_s = self._clock.now_s()
        running = [
            ShardHealth(
                source=run.item.source,
                shard=run.item.shard_id,
                state=run.state,
                lease_owner=self._engine.heart.worker_id,
                iterator_age_s=run.iterator_age_s,
                checkpoint_age_s=run.checkpoint_age_s(now_s),
                unsettled=run.unsettled_count,
            )
            for run in self._engine.keeper.runs.values()
        ]
        stopped = [ShardHealth(source="", shard=key, state="damaged") for key in self._engine.watch.stopped_shards]
        return running + stopped
