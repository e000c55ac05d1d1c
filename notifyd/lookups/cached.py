"""What every look-up has: full batches, a bounded cache, and a breaker in front of who does not answer."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

import msgspec
import structlog

from notifyd.core.breaker import Breaker, BreakerPolicy
from notifyd.core.ttl_cache import TtlCache
from notifyd.errors import NotSent
from notifyd.ports import Clock, Entropy
from notifyd.wire.batch_get import askable
from notifyd.wire.read_through import Fetched, ReadThrough

log = structlog.get_logger(__name__)


class FactSource(Protocol):
    """A table or a service. `keys_max`: the most that one `read` takes, each of them `askable`."""

    @property
    def keys_max(self) -> int: ...

    async def read(self, keys: Sequence[str]) -> Fetched[object]:
        """The value of each key, None where it is known to be absent; within its own deadline."""
        ...


class LookupPolicy(msgspec.Struct, frozen=True):
    cache_ttl_s: float = 5.0
    cache_entries_max: int = 10_000
    linger_s: float = 0.005
    breaker: BreakerPolicy = BreakerPolicy()


class CachedLookup:
    """notifyd.ports.Lookup over a source of facts."""

    def __init__(
        self,
        name: str,
        source: FactSource,
        *,
        clock: Clock,
        entropy: Entropy,
        tasks: asyncio.TaskGroup,
        policy: LookupPolicy,
    ) -> None:
        self.name = name
        self._source = source
        self._clock = clock
        self._entropy = entropy
        self.breaker = Breaker(policy.breaker)
        self._facts = ReadThrough(
            self._read,
            cache=TtlCache[object](ttl_s=policy.cache_ttl_s, entries_max=policy.cache_entries_max),
            keys_max=source.keys_max,
            linger_s=policy.linger_s,
            clock=clock,
            tasks=tasks,
        )

    async def fetch(self, keys: Collection[str]) -> Mapping[str, object]:
        possible = {key for key in keys if askable(key)}
        fetched = await self._facts.get(possible)
        return {**{key: None for key in keys if key not in possible}, **fetched.found}

    async def _read(self, keys: Sequence[str]) -> Fetched[object]:
        given = self.breaker.begin(self._clock.elapsed_s())
        if given is None:
            return Fetched({}, NotSent("the breaker is open"))
        try:
            fetched = await self._source.read(keys)
        except asyncio.CancelledError:
            self.breaker.abandoned(given)
            raise
        if fetched.failure is None:
            self.breaker.succeeded(given)
        else:
            self.breaker.failed(given, self._clock.elapsed_s(), self._entropy.fraction())
            log.warning("lookup_failed", lookup=self.name, error=str(fetched.failure), breaker=self.breaker.state)
        return fetched
