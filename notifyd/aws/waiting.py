"""Waiting for AWS to finish what it has begun."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from notifyd.errors import ConfigError, Fault
from notifyd.ports import Clock

T = TypeVar("T")
_POLL_INTERVAL_S = 0.5


class Deadline:
    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._until_s = clock.elapsed_s() + seconds

    async def until(self, what: str, ask: Callable[[], Awaitable[T | None]]) -> T:
        """Asks again and again until there is an answer.

        Raises:
            ConfigError: there was none in time.
        """
        while (answer := await ask()) is None:
            if self._clock.elapsed_s() >= self._until_s:
                late = f"not active after {self._seconds:g} s"
                raise ConfigError([Fault(what, late, "look at it in AWS, then run `notifyd init` again")])
            await self._clock.sleep(_POLL_INTERVAL_S)
        return answer
