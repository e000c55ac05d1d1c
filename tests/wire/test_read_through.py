from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from notifyd.core.ttl_cache import TtlCache
from notifyd.errors import NoAnswer, NotifydError
from notifyd.wire.read_through import Fetched, ReadThrough
from tests.fakes.system import FakeClock

LATENCY_S = 0.05
LINGER_S = 0.005


class Shelf:
    """Answers every key with itself, in capitals; `failing` keys fail."""

    def __init__(self, clock: FakeClock) -> None:
        self.calls: list[list[str]] = []
        self.begun_at_s: list[float] = []
        self.failing: set[str] = set()
        self.failure: NotifydError = NoAnswer("cut")
        self._clock = clock

    async def fetch(self, keys: Sequence[str]) -> Fetched[str]:
        self.calls.append(list(keys))
        self.begun_at_s.append(self._clock.elapsed_s())
        await self._clock.sleep(LATENCY_S)
        found = {key: key.upper() for key in keys if key not in self.failing}
        return Fetched(found, self.failure if len(found) < len(keys) else None)


@pytest.fixture
def shelf(clock: FakeClock) -> Shelf:
    return Shelf(clock)


def _reader(
    shelf: Shelf, clock: FakeClock, tasks: asyncio.TaskGroup, *, keys_max: int = 4, ttl_s: float = 5.0
) -> ReadThrough[str]:
    return ReadThrough(
        shelf.fetch,
        cache=TtlCache(ttl_s=ttl_s, entries_max=100),
        keys_max=keys_max,
        linger_s=LINGER_S,
        clock=clock,
        tasks=tasks,
    )


async def test_callers_share_a_call(shelf: Shelf, clock: FakeClock) -> None:
    async with asyncio.TaskGroup() as tasks:
        reader = _reader(shelf, clock, tasks)
        answers = await asyncio.gather(reader.get(["a", "b"]), reader.get(["b", "c"]))

    assert [answer.found for answer in answers] == [{"a": "A", "b": "B"}, {"b": "B", "c": "C"}]
    assert shelf.calls == [["a", "b", "c"]]
    assert shelf.begun_at_s == [LINGER_S], "a batch that is not full waits for others"


async def test_a_full_batch_leaves_at_once_and_none_is_over_full(shelf: Shelf, clock: FakeClock) -> None:
    async with asyncio.TaskGroup() as tasks:
        answer = await _reader(shelf, clock, tasks).get("abcdefghij")

    assert len(answer.found) == 10
    assert shelf.calls == [list("abcd"), list("efgh"), list("ij")]
    assert shelf.begun_at_s == [0.0, 0.0, LINGER_S]


async def test_a_key_that_is_being_read_is_waited_for(shelf: Shelf, clock: FakeClock) -> None:
    async with asyncio.TaskGroup() as tasks:
        reader = _reader(shelf, clock, tasks)
        first = tasks.create_task(reader.get(["a"]))
        await clock.sleep(LINGER_S + LATENCY_S / 2)
        second = await reader.get(["a"])

    assert first.result().found == second.found == {"a": "A"}
    assert shelf.calls == [["a"]]


async def test_a_key_named_twice_is_read_once(shelf: Shelf, clock: FakeClock) -> None:
    async with asyncio.TaskGroup() as tasks:
        answer = await _reader(shelf, clock, tasks).get(["a", "a"])

    assert answer.found == {"a": "A"}
    assert shelf.calls == [["a"]]


async def test_a_value_is_remembered_from_when_it_was_asked_for(shelf: Shelf, clock: FakeClock) -> None:
    async with asyncio.TaskGroup() as tasks:
        reader = _reader(shelf, clock, tasks, ttl_s=5.0)
        await reader.get(["a"])
        clock.advance(4.9)
        await reader.get(["a"])
        assert len(shelf.calls) == 1
        clock.advance(0.1)
        await reader.get(["a"])
    assert len(shelf.calls) == 2


async def test_a_key_that_fails_costs_only_its_own_callers_and_is_not_remembered(
    shelf: Shelf, clock: FakeClock
) -> None:
    shelf.failing = {"b"}
    async with asyncio.TaskGroup() as tasks:
        reader = _reader(shelf, clock, tasks)
        without, with_it = await asyncio.gather(reader.get(["a", "c"]), reader.get(["a", "b"]))
        shelf.failing = set()
        again = await reader.get(["a", "b"])

    assert without == Fetched({"a": "A", "c": "C"})
    assert with_it == Fetched({"a": "A"}, shelf.failure)
    assert again == Fetched({"a": "A", "b": "B"})
    assert shelf.calls[1] == ["b"]


async def test_a_caller_that_is_cancelled_takes_nothing_from_the_others(shelf: Shelf, clock: FakeClock) -> None:
    async with asyncio.TaskGroup() as tasks:
        reader = _reader(shelf, clock, tasks)
        opened_the_batch = tasks.create_task(reader.get(["a"]))
        joined = tasks.create_task(reader.get(["a", "b"]))
        await clock.sleep(LINGER_S + LATENCY_S / 2)
        opened_the_batch.cancel()

    assert joined.result().found == {"a": "A", "b": "B"}


@pytest.mark.parametrize("stopped_after_s", [0.0, LINGER_S / 2, LINGER_S + LATENCY_S / 2])
async def test_when_reading_is_stopped_the_callers_hear_of_it(
    shelf: Shelf, clock: FakeClock, stopped_after_s: float
) -> None:
    tasks = asyncio.TaskGroup()
    await tasks.__aenter__()
    reader = _reader(shelf, clock, tasks)
    waiting = [asyncio.create_task(reader.get("ab")), asyncio.create_task(reader.get("abcdef"))]
    await clock.sleep(stopped_after_s)
    with pytest.raises(ExceptionGroup):
        await tasks.__aexit__(RuntimeError, RuntimeError("the process ends"), None)

    for answer in await asyncio.gather(*waiting):
        assert not answer.found
        assert isinstance(answer.failure, NotifydError)
