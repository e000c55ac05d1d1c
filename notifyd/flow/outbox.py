"""What has to reach a queue, each message until it is taken."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import structlog

from notifyd.errors import AwsError, TransportError
from notifyd.flow.backoff import Backoff
from notifyd.ports import Clock, Entropy

log = structlog.get_logger(__name__)

M = TypeVar("M")

_BATCH_MAX = 10  # SendMessageBatch's most
_GATHER_S = 0.005  # fills batches without a wait that anybody notices
_CALLS_IN_FLIGHT_MAX = 16


class Outbox(Generic[M]):
    """`submit` never waits; `on_taken` runs once the queue has the message. Refused entries go again alone.

    Whoever submits holds a slot or an unsettled record, which bounds what can wait here.
    """

    def __init__(
        self,
        name: str,
        put: Callable[[Sequence[M]], Awaitable[list[bool]]],
        clock: Clock,
        entropy: Entropy,
        *,
        tries_max: int | None = None,
    ) -> None:
        """`tries_max`: after so many a message counts as taken all the same; only for what repeats itself."""
        self._name = name
        self._put = put
        self._clock = clock
        self._entropy = entropy
        self._tries_max = tries_max
        self._waiting: deque[tuple[M, Callable[[], None]]] = deque()
        self._work = asyncio.Event()
        self._in_flight = asyncio.Semaphore(_CALLS_IN_FLIGHT_MAX)
        self._untaken_count = 0

    def submit(self, message: M, on_taken: Callable[[], None]) -> None:
        self._waiting.append((message, on_taken))
        self._untaken_count += 1
        self._work.set()

    @property
    def pending_count(self) -> int:
        """What waits for a call, or for the answer of one."""
        return self._untaken_count

    async def run(self) -> None:
        async with asyncio.TaskGroup() as calls:
            while True:
                await self._work.wait()
                await self._clock.sleep(_GATHER_S)
                while self._waiting:
                    await self._in_flight.acquire()
                    count = min(_BATCH_MAX, len(self._waiting))
                    calls.create_task(self._send([self._waiting.popleft() for _ in range(count)]))
                self._work.clear()

    async def _send(self, batch: list[tuple[M, Callable[[], None]]]) -> None:
        backoff = Backoff(self._clock, self._entropy, base_s=0.2, max_s=10.0)
        try:
            tries = 0
            while batch and tries != self._tries_max:
                if tries:
                    await backoff.wait()
                batch = await self._attempt(batch)
                tries += 1
        finally:
            self._in_flight.release()
        self._taken(batch)

    async def _attempt(self, batch: list[tuple[M, Callable[[], None]]]) -> list[tuple[M, Callable[[], None]]]:
        """One call; what has to go again."""
        try:
            taken = await self._put([message for message, _ in batch])
        except (TransportError, AwsError) as error:
            log.warning("hand_over_failed", queue=self._name, messages=len(batch), error=str(error))
            return batch
        self._taken([entry for entry, was_taken in zip(batch, taken, strict=True) if was_taken])
        return [entry for entry, was_taken in zip(batch, taken, strict=True) if not was_taken]

    def _taken(self, entries: Sequence[tuple[M, Callable[[], None]]]) -> None:
        self._untaken_count -= len(entries)
        for _, on_taken in entries:
            on_taken()
