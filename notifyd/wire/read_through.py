"""Keys that many callers ask for, read in full batches and remembered for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Coroutine, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from notifyd.core.ttl_cache import TtlCache
from notifyd.errors import NotifydError, NotSent
from notifyd.ports import Clock

V = TypeVar("V")


class Fetched(msgspec.Struct, Generic[V]):
    """`found` of the keys asked for; those that are not in it failed, by `failure`."""

    found: dict[str, V]
    failure: NotifydError | None = None


class _Batch(Generic[V]):
    def __init__(self) -> None:
        self.keys: list[str] = []
        self.done = asyncio.Event()
        self.fetched: Fetched[V] = Fetched({}, NotSent("stopped before it was read"))


def nobody_counts(hits: int, misses: int) -> None:
    """Where no metrics are kept."""


class ReadThrough(Generic[V]):
    """Folds concurrent callers into calls of up to `keys_max` keys.

    A key is in one call at a time: who asks for it meanwhile waits for that call. A full batch leaves at
    once, another `linger_s` after its first key. Calls run as `tasks`, so that a caller that is cancelled
    takes nothing from the others. Waiting keys are bounded by the callers: each waits for its own.
    """

    def __init__(
        self,
        fetch: Callable[[Sequence[str]], Coroutine[Any, Any, Fetched[V]]],
        *,
        cache: TtlCache[V],
        keys_max: int,
        linger_s: float,
        clock: Clock,
        tasks: asyncio.TaskGroup,
        asked: Callable[[int, int], None] = nobody_counts,
    ) -> None:
        """`asked` hears how many keys of a call were remembered, and how many were not."""
        self._fetch = fetch
        self._cache = cache
        self._keys_max = keys_max
        self._linger_s = linger_s
        self._clock = clock
        self._tasks = tasks
        self._asked = asked
        self._open: _Batch[V] | None = None
        self._batch_of: dict[str, _Batch[V]] = {}

    async def get(self, keys: Collection[str]) -> Fetched[V]:
        found, unknown = self._cache.split(keys, self._clock.elapsed_s())
        self._asked(len(found), len(unknown))
        if not unknown:
            return Fetched(found)
        awaited = {key: self._batch_of.get(key) or self._join(key) for key in unknown}
        failure = None
        for batch in dict.fromkeys(awaited.values()):
            await batch.done.wait()
        for key, batch in awaited.items():
            if key in batch.fetched.found:
                found[key] = batch.fetched.found[key]
            else:
                failure = batch.fetched.failure
        return Fetched(found, failure)

    def _join(self, key: str) -> _Batch[V]:
        batch = self._open
        if batch is None:
            batch = self._open = _Batch()
            self._tasks.create_task(self._linger(batch)).add_done_callback(lambda _: self._forsake(batch))
        batch.keys.append(key)
        self._batch_of[key] = batch
        if len(batch.keys) == self._keys_max:
            self._leave(batch)
        return batch

    async def _linger(self, batch: _Batch[V]) -> None:
        await self._clock.sleep(self._linger_s)
        if self._open is batch:
            self._leave(batch)

    def _leave(self, batch: _Batch[V]) -> None:
        self._open = None
        # A callback, for a task that is cancelled before its first step runs none of its own code.
        self._tasks.create_task(self._read(batch)).add_done_callback(lambda _: self._settle(batch))

    async def _read(self, batch: _Batch[V]) -> None:
        asked_at_s = self._clock.elapsed_s()
        batch.fetched = await self._fetch(batch.keys)
        self._cache.remember(batch.fetched.found, asked_at_s, self._clock.elapsed_s())

    def _forsake(self, batch: _Batch[V]) -> None:
        """Nobody lingers for the batch any more; if it has not left, it never will."""
        if self._open is batch:
            self._open = None
            self._settle(batch)

    def _settle(self, batch: _Batch[V]) -> None:
        for key in batch.keys:
            del self._batch_of[key]
        batch.done.set()
