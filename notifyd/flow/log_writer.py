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
    """Rows of one provider call: told durable when the last of them is."""

    __slots__ = ("left", "on_durable")

    def __init__(self, left: int, on_durable: Callable[[], None]) -> None:
        self.left = left
        self.on_durable = on_durable


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
        self._rows: deque[tuple[LogRow, _Group]] = deque()
        self._work = asyncio.Event()
        self._in_flight = asyncio.Semaphore(CALLS_IN_FLIGHT_MAX)
        self._metrics = metrics

    def submit(self, rows: Sequence[LogRow], on_durable: Callable[[], None]) -> None:
        if not rows:
            on_durable()
            return
        group = _Group(len(rows), on_durable)
        self._rows.extend((row, group) for row in rows)
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
                    calls.create_task(self._write([self._rows.popleft() for _ in range(count)]))
                if not self._rows:
                    self._work.clear()

    async def _write(self, chunk: list[tuple[LogRow, _Group]]) -> None:
        backoff = Backoff(self._clock, self._entropy, base_s=0.1, max_s=5.0)
        try:
            while True:
                try:
                    await self._log.append([row for row, _ in chunk])
                    break
                except (TransportError, AwsError) as error:
                    log.warning("log_rows_not_written", rows=len(chunk), error=str(error))
                await backoff.wait()
        finally:
            self._in_flight.release()
        self._metrics.log_rows.add(len(chunk))
        for _, group in chunk:
            group.left -= 1
            if group.left == 0:
                group.on_durable()
