"""What a start asks of the outside: an outage is waited for, what does not exist is for the operator to make."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import structlog

from notifyd.end_tasks import end_tasks
from notifyd.errors import AwsError, ConfigError, Fault, TransportError
from notifyd.flow.backoff import Backoff
from notifyd.flow.watch import Watch
from notifyd.ports import Clock, Entropy

log = structlog.get_logger(__name__)

Answer = TypeVar("Answer")

# Longer than throttling and a failing replica last; after it whoever restarts the process is told by its exit.
START_WITHIN_S = 120.0


class Patience:
    """Asks until it is answered, START_WITHIN_S in all."""

    def __init__(self, clock: Clock, entropy: Entropy, watch: Watch) -> None:
        self._clock = clock
        self._entropy = entropy
        self._watch = watch
        self._until_s = clock.elapsed_s() + START_WITHIN_S

    async def ask(self, dependency: str, question: Callable[[], Awaitable[Answer]]) -> Answer:
        """`question` may be asked any number of times.

        Raises:
            ConfigError: what is asked does not exist.
            AwsError, TransportError: of the last try, when the time is up.
        """
        backoff = Backoff(self._clock, self._entropy, base_s=0.2, max_s=5.0)
        while True:
            try:
                answer = await question()
            except (AwsError, TransportError) as error:
                if isinstance(error, AwsError) and error.code == "ResourceNotFoundException":
                    mend = "run `notifyd init`, or correct the name"
                    raise ConfigError([Fault(dependency, str(error), mend)]) from error
                self._watch.dependency_failed(dependency, str(error))
                log.warning("start_waits", dependency=dependency, error=str(error))
                if self._clock.elapsed_s() >= self._until_s:
                    raise
            else:
                self._watch.dependency_worked(dependency)
                return answer
            await backoff.wait()


async def unless(stop: asyncio.Event, start: Coroutine[Any, Any, None]) -> bool:
    """Whether `start` came to its end before `stop` was set; it is cancelled otherwise."""
    starting, stopping = asyncio.ensure_future(start), asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            return False
        await starting
        return True
    finally:
        await end_tasks(starting, stopping)
