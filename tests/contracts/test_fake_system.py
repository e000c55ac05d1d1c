"""Virtual time and repeatable randomness keep what the ports promise."""

from __future__ import annotations

import asyncio

import pytest

from notifyd.ports import Clock, Entropy
from tests.fakes.system import FakeClock, FakeEntropy


async def test_sleepers_wake_in_the_order_of_their_deadlines(clock: Clock) -> None:
    woken: list[tuple[str, float]] = []

    async def sleep(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((name, clock.elapsed_s()))

    await asyncio.gather(sleep("late", 3600), sleep("early", 1), sleep("middle", 60))
    assert woken == [("early", 1.0), ("middle", 60.0), ("late", 3600.0)]


async def test_wall_time_moves_with_elapsed_time(clock: FakeClock) -> None:
    started_s = clock.now_s()
    await clock.sleep(1.5)
    clock.advance(2)
    assert (clock.now_s() - started_s, clock.elapsed_s()) == (3.5, 3.5)


async def test_a_cancelled_sleeper_holds_nobody_up_and_moves_no_time(clock: FakeClock) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await clock.sleep(1)
    assert clock.elapsed_s() == 0
    await clock.sleep(5)
    assert clock.elapsed_s() == 5


async def test_time_stands_still_while_somebody_has_work_to_do(clock: FakeClock) -> None:
    sleeper = asyncio.ensure_future(clock.sleep(1))
    for _ in range(5):
        await asyncio.sleep(0)  # noqa: TID251 - the work
        assert clock.elapsed_s() == 0
    await sleeper


def test_randomness_is_repeatable_and_tokens_are_never_the_same() -> None:
    one: Entropy = FakeEntropy("a")
    same: Entropy = FakeEntropy("a")
    other: Entropy = FakeEntropy("b")
    fractions = [one.fraction() for _ in range(100)]
    assert fractions == [same.fraction() for _ in range(100)]
    assert all(0 <= fraction < 1 for fraction in fractions)
    tokens = [entropy.token() for entropy in (one, other) for _ in range(100)]
    assert len(set(tokens)) == 200
    assert {len(token) for token in tokens} == {26}
