"""A steady stream of events, at a rate that does not ask how the daemon is doing."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from notifyd.ports import Clock
from notifyd.sandbox.world import DemoEvent, Mail, World
from tests.faults.processes import RunFailed

_TICK_S = 0.1

Write = Callable[[Sequence[DemoEvent]], Awaitable[object]]


class Load:
    """`mails_due`: those that the events handed over so far have to become."""

    def __init__(self, world: World, write: Write, clock: Clock, *, rate_per_s: float) -> None:
        self.rate_per_s = rate_per_s
        self.written = 0
        self.mails_due = 0
        self._world = world
        self._write = write
        self._clock = clock
        self._due = Counter(mail.event_id for mail in world.mails)
        self._stopped = False

    @property
    def expected(self) -> frozenset[Mail]:
        """Of what was written."""
        written = {event.event_id for event in self._world.events[: self.written]}
        return frozenset(mail for mail in self._world.mails if mail.event_id in written)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Writes while the context is open; what stops the writing ends the run."""
        try:
            async with asyncio.TaskGroup() as tasks:
                writing = tasks.create_task(self._run())
                try:
                    yield
                finally:
                    self._stopped = True
                await writing
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None

    async def _run(self) -> None:
        started_s = self._clock.elapsed_s()
        first = self.written
        while not self._stopped:
            due = first + int((self._clock.elapsed_s() - started_s) * self.rate_per_s)
            part = self._world.events[self.written : due]
            if due > len(self._world.events):
                raise RunFailed(f"all {len(self._world.events)} events are written and the run goes on")
            if part:
                # Before the write returns the daemon may have sent its mails.
                self.mails_due += sum(self._due[event.event_id] for event in part)
                await self._write(part)
                self.written += len(part)
            await self._clock.sleep(_TICK_S)
