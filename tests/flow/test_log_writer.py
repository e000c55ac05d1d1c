"""Rows are gathered over all that bring some, and each hears of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from itertools import count, islice

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from notifyd.core.log_row import LogRow, RowKind
from notifyd.errors import NoAnswer
from notifyd.flow.log_writer import ROWS_PER_CALL, LogWriter
from notifyd.telemetry.metrics import Metrics
from tests.fakes.delivery_log import FakeDeliveryLog
from tests.fakes.system import FakeEntropy
from tests.support.virtual_time import VirtualClock, in_virtual_time


class Slow(FakeDeliveryLog):
    """Answers the later calls first, and none of those in `refused` the first time."""

    def __init__(self, clock: VirtualClock, refused: set[int]) -> None:
        super().__init__()
        self.sizes: list[int] = []
        self._clock = clock
        self._refused = refused

    async def append(self, rows: Sequence[LogRow]) -> None:
        number = len(self.sizes)
        self.sizes.append(len(rows))
        await self._clock.sleep(1 / (number + 1))
        if number in self._refused:
            raise NoAnswer("no answer")
        await super().append(rows)


def row_of(number: int) -> LogRow:
    return LogRow(f"evt-{number}", f"d-{number}", 1, RowKind.ACCEPTED, "s/1", 0.0, 1)


@given(st.lists(st.integers(0, 3 * ROWS_PER_CALL), max_size=8), st.sets(st.integers(0, 4), max_size=2))
@in_virtual_time
async def test_who_brings_rows_is_told_once_when_the_last_of_them_is_written(
    sizes: list[int], refused: set[int]
) -> None:
    clock = VirtualClock()
    log = Slow(clock, refused)
    metrics = Metrics(CollectorRegistry(), version="0", providers={}, sources=())
    writer = LogWriter(log, clock, FakeEntropy("log"), metrics, flush_ms=5.0)
    numbers = count()
    told: list[int] = []

    def tell(place: int, rows: list[LogRow]) -> None:
        assert {row.event_id for row in rows} <= {row.event_id for row in log.rows}
        told.append(place)

    for place, size in enumerate(sizes):
        rows = [row_of(number) for number in islice(numbers, size)]
        writer.submit(rows, partial(tell, place, rows))
    running = asyncio.create_task(writer.run())
    await clock.sleep(60.0)
    running.cancel()
    assert sorted(told) == list(range(len(sizes)))
    assert len(log.rows) == sum(sizes)
    assert all(size <= ROWS_PER_CALL for size in log.sizes)
