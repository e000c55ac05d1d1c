"""Addresses that providers called gone, on their way out of the address book, beside the deliveries.

What is lost here (by a crash, a full queue, a table that is away) comes again: the address stays gone.
"""

from __future__ import annotations

import asyncio

import structlog

from notifyd.core.dead_address import DeadAddress
from notifyd.errors import AwsError, TransportError
from notifyd.ports import AddressBook
from notifyd.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

_WAITING_MAX = 10_000
_AT_ONCE = 8


class DeadAddresses:
    """`note` never waits."""

    def __init__(self, book: AddressBook, metrics: Metrics) -> None:
        self._book = book
        self._metrics = metrics
        self._waiting: asyncio.Queue[DeadAddress] = asyncio.Queue(_WAITING_MAX)

    def note(self, dead: DeadAddress) -> None:
        try:
            self._waiting.put_nowait(dead)
        except asyncio.QueueFull:
            self._metrics.dead_addresses.add(1, dead.channel, "failed")

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(_AT_ONCE):
                tasks.create_task(self._work())

    async def _work(self) -> None:
        while True:
            dead = await self._waiting.get()
            try:
                became: str = await self._book.remove(dead)
            except (AwsError, TransportError) as error:
                log.warning("dead_address_not_removed", channel=dead.channel, error=str(error))
                became = "failed"
            self._metrics.dead_addresses.add(1, dead.channel, became)
