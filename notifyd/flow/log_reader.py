"""What the delivery log has of events, however often it has to be asked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from notifyd.core.log_row import LogRow
from notifyd.errors import AwsError, TransportError
from notifyd.flow.backoff import Backoff
from notifyd.ports import Clock, DeliveryLog, Entropy

log = structlog.get_logger(__name__)

_QUERIES_IN_FLIGHT_MAX = 16


class LogReader:
    """A look-up that failed means not known, never absent: it is made again until it works."""

    def __init__(self, delivery_log: DeliveryLog, clock: Clock, entropy: Entropy) -> None:
        self._log = delivery_log
        self._clock = clock
        self._entropy = entropy

    async def rows_of(self, event_ids: Sequence[str]) -> list[list[LogRow]]:
        """Each event's rows, in order; one strongly consistent query an event, 16 of a call at once."""
        limit = asyncio.Semaphore(_QUERIES_IN_FLIGHT_MAX)

        async def rows_of_one(event_id: str) -> list[LogRow]:
            async with limit:
                return await self._rows_of(event_id)

        return await asyncio.gather(*map(rows_of_one, event_ids))

    async def _rows_of(self, event_id: str) -> list[LogRow]:
        backoff = Backoff(self._clock, self._entropy, base_s=0.1, max_s=5.0)
        while True:
            try:
                return await self._log.rows_of_event(event_id)
            except (AwsError, TransportError) as error:
                log.warning("log_look_up_failed", error=str(error))
            await backoff.wait()
