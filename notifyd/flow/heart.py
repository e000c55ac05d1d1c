"""One heartbeat a worker renews all its leases, and fences its sends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
import structlog

from notifyd.core.lease import Heartbeat
from notifyd.errors import AwsError, TransportError
from notifyd.ports import Clock, LeaseTable

log = structlog.get_logger(__name__)

# A loop that stood still this long may have slept through a failover: renew before the next send.
STALL_MAX_S = 1.0
_TICK_S = 0.25


class HeartTimes(msgspec.Struct, frozen=True):
    renew_interval_s: float
    failover_time_s: float
    send_timeout_s: float
    leases_max: int = 1000

    @property
    def fresh_for_s(self) -> float:
        """So long after an acknowledged heartbeat was *sent* a send may still begin: its answer, or its
        timeout, comes a second before anybody may take the lease.
        """
        return self.failover_time_s - self.send_timeout_s - 1.0


class Heart:
    """Writes `worker#<id>` every renew_interval_s. `is_fresh` is the fence check before bytes go out."""

    def __init__(
        self, worker_id: str, table: LeaseTable, clock: Clock, times: HeartTimes, leases_held: Callable[[], int]
    ) -> None:
        self.worker_id = worker_id
        self._table = table
        self._clock = clock
        self._times = times
        self._leases_held = leases_held
        self._counter = 0
        self.lapses = 0  # how often others could have held this worker for dead
        self._draining = False
        self._acknowledged_sent_at_s: float | None = None
        self._ticked_at_s = clock.elapsed_s()
        self._renewing: asyncio.Task[bool] | None = None
        self._released = False

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tick())
            while True:
                await self.renew()
                await self._clock.sleep(self._times.renew_interval_s)

    async def _tick(self) -> None:
        while True:
            self._ticked_at_s = self._clock.elapsed_s()
            await self._clock.sleep(_TICK_S)

    def is_fresh(self) -> bool:
        now_s = self._clock.elapsed_s()
        if self._acknowledged_sent_at_s is None or now_s - self._ticked_at_s > STALL_MAX_S + _TICK_S:
            return False
        return now_s - self._acknowledged_sent_at_s < self._times.fresh_for_s

    def age_s(self) -> float | None:
        """Since the last acknowledged heartbeat was sent."""
        sent = self._acknowledged_sent_at_s
        return None if sent is None else self._clock.elapsed_s() - sent

    async def ensure_fresh(self) -> bool:
        """The fence check; renews once where it fails."""
        return self.is_fresh() or await self.renew()

    async def renew(self) -> bool:
        """One heartbeat; callers at the same time share it. False: not acknowledged, or released."""
        if self._released:
            return False
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.ensure_future(self._beat())
        return await asyncio.shield(self._renewing)

    async def _beat(self) -> bool:
        sent_at_s = self._clock.elapsed_s()
        self._counter += 1
        beat = Heartbeat(
            self.worker_id,
            self._counter,
            leases_held=self._leases_held(),
            leases_max=0 if self._draining else self._times.leases_max,
        )
        try:
            async with asyncio.timeout(self._times.renew_interval_s):
                await self._table.beat(beat)
        except (TransportError, AwsError, TimeoutError) as error:
            log.warning("heartbeat_unacknowledged", error=str(error))
            return False
        previous_s = self._acknowledged_sent_at_s
        if previous_s is not None and self._clock.elapsed_s() - previous_s >= self._times.failover_time_s:
            self.lapses += 1
        self._acknowledged_sent_at_s = sent_at_s
        self._ticked_at_s = self._clock.elapsed_s()
        return True

    async def announce_drain(self) -> None:
        """Tells the others not to count on this worker any more, before its shards come free."""
        if self._renewing is not None:
            await self._renewing  # it may have been made before this was known
        self._draining = True
        await self.renew()

    async def release(self) -> None:
        """Takes the heartbeat away, after every lease was given back. A beat after it would put it back."""
        self._released = True
        if self._renewing is not None:
            await self._renewing
        try:
            async with asyncio.timeout(self._times.renew_interval_s):
                await self._table.remove_worker(self.worker_id)
        except (TransportError, AwsError, TimeoutError) as error:
            log.warning("heartbeat_left_behind", error=str(error))
