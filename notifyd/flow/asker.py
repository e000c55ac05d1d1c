"""Asks one provider what it took: no faster than it allows, and not at all for a while where that fails."""

from __future__ import annotations

import asyncio

import structlog

from notifyd.core.breaker import Breaker, BreakerPolicy
from notifyd.core.look_up import CannotTell, Found
from notifyd.core.message import Delivery
from notifyd.core.turns import Turns
from notifyd.errors import AwsError, TransportError
from notifyd.ports import Clock, Entropy, LookUpLimits, Provider

log = structlog.get_logger(__name__)

# A breaker of its own: look-ups that fail say nothing of sends, and nobody waits for them.
_BREAKER = BreakerPolicy(failures_max=5, open_s=5.0, open_max_s=60.0)
# What was sent after the event arrived must not look older to the provider, whose clock is its own.
_CLOCKS_APART_MAX_S = 60.0


class Asker:
    def __init__(
        self, provider: Provider, limits: LookUpLimits, *, timeout_s: float, clock: Clock, entropy: Entropy
    ) -> None:
        self.name = provider.name
        self.settle_s = limits.settle_s
        self._provider = provider
        self._timeout_s = timeout_s
        self._clock = clock
        self._entropy = entropy
        self._breaker = Breaker(_BREAKER)
        self._turns = Turns(limits.rate_per_s, clock.elapsed_s())

    def take_turn(self) -> float | None:
        """None: it may be asked. Else the seconds after which to try for a turn again."""
        return self._turns.take(self._clock.elapsed_s())

    async def look_up(self, delivery: Delivery) -> Found:
        """One request. Whatever goes wrong with it tells nothing."""
        given = self._breaker.begin(self._clock.elapsed_s())
        if given is None:
            return CannotTell("its look-ups fail")
        try:
            async with asyncio.timeout(self._timeout_s):
                found = await self._provider.look_up(delivery, delivery.arrival_s - _CLOCKS_APART_MAX_S)
        except asyncio.CancelledError:
            self._breaker.abandoned(given)
            raise
        except (AwsError, TransportError, TimeoutError) as error:
            why = str(error) or "no answer in time"
        except Exception as bug:
            log.exception("provider_raised", provider=self.name)
            why = f"{type(bug).__name__}: {bug}"
        else:
            self._breaker.succeeded(given)
            return found
        self._breaker.failed(given, self._clock.elapsed_s(), self._entropy.fraction())
        return CannotTell(why)
