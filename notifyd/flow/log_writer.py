"""Rows of the delivery log, gathered over all shards and flushed in full calls."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

import structlog

from notifyd.core.log_row import LogRow
from notifyd.errors import AwsError, TransportError
from notifyd.flow.backoff import Backoff
from notifyd.ports import Clock, DeliveryLog, Entropy
from notifyd.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

ROWS_PER_CALL = 25  # BatchWriteItem's most
# Rows wait for their turn here while the table is slow; the slots they hold bound their number.
CALLS_IN_FLIGHT_MAX = 64


class _Group:
    """Rows of one provider call: told durable when the last of them is. `unsent`: those that no write has yet."""

    __slots__ = ("left", "on_durable", "unsent")

    def __init__(self, count: int, on_durable: Callable[[], None]) -> None:
        self.left = self.unsent = count
        self.on_durable = on_durable

    def written(self, count: int) -> None:
        self.left -= count
        if not self.left:
            self.on_durable()


class LogWriter:
    """`submit` never waits; `on_durable` runs once all rows of the call are durable. A failed call is repeated
    until it works: nothing settles before its row, so an outage of the log stalls and loses nothing.
    """

    def __init__(
        self, delivery_log: DeliveryLog, clock: Clock, entropy: Entropy, metrics: Metrics, *, flush_ms: float
    ) -> None:
        self._log = delivery_log
        self._clock = clock
        self._entropy = entropy
        self._flush_s = flush_ms / 1000
        self._rows: deque[LogRow] = deque()
        self._groups: deque[_Group] = deque()  # theirs, in the same order
        self._work = asyncio.Event()
        self._in_flight = asyncio.Semaphore(CALLS_IN_FLIGHT_MAX)
        self._metrics = metrics

    def submit(self, rows: Sequence[LogRow], on_durable: Callable[[], None]) -> None:
        if not rows:
            on_durable()
            return
        self._rows.extend(rows)
        self._groups.append(_Group(len(rows), on_durable))
        self._work.set()

    @property
    def pending_count(self) -> int:
        return len(self._rows)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as calls:
            while True:
                await self._work.wait()
                partly = len(self._rows) < ROWS_PER_CALL
                if partly:
                    await self._clock.sleep(self._flush_s)
                while len(self._rows) >= ROWS_PER_CALL or (partly and self._rows):
                    await self._in_flight.acquire()
                    count = min(ROWS_PER_CALL, len(self._rows))
                    rows = [self._rows.popleft() for _ in range(count)]
                    calls.create_task(self._write(rows, self._take_groups(count)))
                if not self._rows:
                    self._work.clear()

    def _take_groups(self, count: int) -> list[tuple[_Group, int]]:
        """Whose the next `count` rows are, and how many of each."""
        taken: list[tuple[_Group, int]] = []
        while count:
            group = self._groups[0]
            part = min(count, group.unsent)
            group.unsent -= part
            count -= part
            taken.append((group, part))
            if not group.unsent:
                self._groups.popleft()
        return taken

    async def _write(self, rows: list[LogRow], groups: list[tuple[_Group, int]]) -> None:
        backoff = Backoff(self._clock, self._entropy, base_s=0.1, max_s=5.0)
        try:
            while True:
                try:
                    await self._log.append(rows)
                    break
                except (TransportError, AwsError) as error:
                    log.warning("log_rows_not_written", rows=len(rows), error=str(error))
                await backoff.wait()
        finally:
            self._in_flight.release()
        self._metrics.log_rows.add(len(rows))
        for group, count in groups:
            group.written(count)
