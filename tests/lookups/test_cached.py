from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from notifyd.core.breaker import BreakerPolicy, BreakerState
from notifyd.errors import NoAnswer
from notifyd.lookups.cached import CachedLookup, LookupPolicy
from notifyd.wire.read_through import Fetched
from tests.fakes.system import FakeClock, FakeEntropy

POLICY = LookupPolicy(breaker=BreakerPolicy(failures_max=2, open_s=10.0))


class Source:
    """Every key is its own length; while `down`, nothing is known."""

    keys_max = 10

    def __init__(self, clock: FakeClock) -> None:
        self.calls: list[list[str]] = []
        self.down = False
        self.cancelled = False
        self._clock = clock

    async def read(self, keys: Sequence[str]) -> Fetched[object]:
        self.calls.append(sorted(keys))
        await self._clock.sleep(0.1)
        if self.cancelled:
            raise asyncio.CancelledError
        return Fetched({}, NoAnswer("down")) if self.down else Fetched({key: len(key) for key in keys})


@pytest.fixture
def source(clock: FakeClock) -> Source:
    return Source(clock)


@pytest.fixture
async def lookup(source: Source, clock: FakeClock) -> AsyncIterator[CachedLookup]:
    async with asyncio.TaskGroup() as tasks:
        yield CachedLookup("facts", source, clock=clock, entropy=FakeEntropy(), tasks=tasks, policy=POLICY)


async def test_callers_share_calls_and_what_is_known_is_not_asked_again(
    lookup: CachedLookup, source: Source
) -> None:
    both, one = await asyncio.gather(lookup.fetch(["a", "bb"]), lookup.fetch(["bb"]))
    assert both == {"a": 1, "bb": 2}
    assert one == {"bb": 2}
    assert await lookup.fetch(["a"]) == {"a": 1}
    assert source.calls == [["a", "bb"]]


async def test_a_source_that_fails_is_left_alone_until_a_probe_succeeds(
    lookup: CachedLookup, source: Source, clock: FakeClock
) -> None:
    source.down = True
    for _ in range(5):
        assert await lookup.fetch(["a"]) == {}
    assert len(source.calls) == POLICY.breaker.failures_max
    assert lookup.breaker.state is BreakerState.OPEN

    clock.advance(10.0)
    assert await lookup.fetch(["a"]) == {}
    assert len(source.calls) == POLICY.breaker.failures_max + 1, "one probe"

    source.down = False
    clock.advance(20.0)
    assert await lookup.fetch(["a"]) == {"a": 1}


async def test_while_the_breaker_is_open_what_is_remembered_is_answered(
    lookup: CachedLookup, source: Source
) -> None:
    await lookup.fetch(["known"])
    source.down = True
    for number in range(POLICY.breaker.failures_max):
        await lookup.fetch([f"unknown{number}"])

    assert await lookup.fetch(["known", "unknown"]) == {"known": 5}


async def test_a_probe_that_is_cancelled_leaves_the_next_one_to_go(
    lookup: CachedLookup, source: Source, clock: FakeClock
) -> None:
    source.down = True
    for _ in range(POLICY.breaker.failures_max):
        await lookup.fetch(["a"])
    source.down = False
    source.cancelled = True
    clock.advance(10.0)
    assert await lookup.fetch(["a"]) == {}

    source.cancelled = False
    assert await lookup.fetch(["a"]) == {"a": 1}
