"""What DynamoDbDirectory does beyond the contract: partial failures, freshness, damage, how many calls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyd.aws.directory import DirectoryPolicy, DynamoDbDirectory
from notifyd.core.user import Contact, Person, UserSettings
from notifyd.core.user_items import Damage, ItemKind
from notifyd.errors import NoAnswer, Throttled
from tests.fakes.system import FakeClock, FakeEntropy
from tests.fakes.tables import FakeTables

IDS = [f"u{number}" for number in range(60)]


def _tables(clock: FakeClock) -> FakeTables:
    return FakeTables(
        {
            "contacts": [{"user_id": user_id, "email": f"{user_id}@example.com"} for user_id in IDS],
            "settings": [{"user_id": user_id, "opted_out": False} for user_id in IDS],
        },
        key="user_id",
        clock=clock,
        latency_s=0.005,
    )


def _person(user_id: str) -> Person:
    return Person(user_id, Contact(user_id, f"{user_id}@example.com"), UserSettings(user_id))


@asynccontextmanager
async def _directory(
    tables: FakeTables,
    clock: FakeClock,
    damaged: Callable[[Any], None] = lambda _: None,
) -> AsyncIterator[DynamoDbDirectory]:
    async with asyncio.TaskGroup() as tasks:
        yield DynamoDbDirectory(
            tables,
            contacts="contacts",
            settings="settings",
            clock=clock,
            entropy=FakeEntropy(),
            tasks=tasks,
            damaged=damaged,
            policy=DirectoryPolicy(),
        )


@given(
    st.lists(st.lists(st.sampled_from(IDS), min_size=1, max_size=30), min_size=1, max_size=4),
    st.sets(st.integers(0, 200)),
)
async def test_whatever_is_left_unprocessed_every_caller_gets_everybody(
    calls: list[list[str]], left: set[int]
) -> None:
    clock = FakeClock()
    tables = _tables(clock)
    numbers = iter(range(10_000))
    tables.leaves = lambda _: len(tables.asked) < 5 and next(numbers) in left

    async with _directory(tables, clock) as directory:
        answers = await asyncio.gather(*(directory.look_up(user_ids) for user_ids in calls))

    for user_ids, people in zip(calls, answers, strict=True):
        assert people == {user_id: _person(user_id) for user_id in user_ids}


async def test_a_user_who_stays_unprocessed_fails_those_who_ask_for_him_alone(clock: FakeClock) -> None:
    tables = _tables(clock)
    tables.leaves = lambda key: key == "u1"

    async with _directory(tables, clock) as directory:
        with_him, without = await asyncio.gather(
            directory.look_up(["u0", "u1"]), directory.look_up(["u0", "u2"]), return_exceptions=True
        )

    assert isinstance(with_him, Throttled)
    assert without == {"u0": _person("u0"), "u2": _person("u2")}


async def test_what_was_read_before_a_failure_is_not_read_again(clock: FakeClock) -> None:
    tables = _tables(clock)
    tables.leaves = lambda key: key == "u1"

    async with _directory(tables, clock) as directory:
        with pytest.raises(Throttled):
            await directory.look_up(["u0", "u1"])
        tables.leaves = lambda _: False
        tables.asked.clear()
        people = await directory.look_up(["u0", "u1"])

    assert len(people) == 2
    assert tables.asked == [[("contacts", "u1"), ("settings", "u1")]]


async def test_an_outage_is_raised_and_not_remembered(clock: FakeClock) -> None:
    tables = _tables(clock)
    tables.failures = [NoAnswer("cut")] * 6

    async with _directory(tables, clock) as directory:
        with pytest.raises(NoAnswer):
            await directory.look_up(["u0"])
        assert await directory.look_up(["u0"]) == {"u0": _person("u0")}


async def test_fifty_users_are_one_call(clock: FakeClock) -> None:
    tables = _tables(clock)

    async with _directory(tables, clock) as directory:
        await asyncio.gather(*(directory.look_up(IDS[start : start + 10]) for start in range(0, 50, 10)))

    assert [len(keys) for keys in tables.asked] == [100]


async def test_known_and_absent_users_are_asked_for_again_when_as_old_as_the_ttl(
    clock: FakeClock,
) -> None:
    tables = _tables(clock)

    async with _directory(tables, clock) as directory:
        await directory.look_up(["u0", "nobody"])
        asked = len(tables.asked)
        clock.advance(4.9)
        await directory.look_up(["u0", "nobody"])
        assert len(tables.asked) == asked
        tables.tables["contacts"]["nobody"] = {"user_id": "nobody", "email": "somebody@example.com"}
        clock.advance(0.2)
        people = await directory.look_up(["u0", "nobody"])

    assert people["nobody"].contact == Contact("nobody", "somebody@example.com")


async def test_a_contact_that_has_not_reached_the_replicas_is_found(clock: FakeClock) -> None:
    tables = _tables(clock)
    tables.lagging = {"contacts": {"u1"}}

    async with _directory(tables, clock) as directory:
        people = await directory.look_up(["u0", "u1"])

    assert people == {"u0": _person("u0"), "u1": _person("u1")}
    assert tables.asked[1:] == [[("contacts", "u1")]], "only the absent contact costs a consistent read"


async def test_a_damaged_item_costs_its_own_value_alone_and_is_told(clock: FakeClock) -> None:
    tables = _tables(clock)
    tables.tables["contacts"]["u1"]["email"] = 7
    tables.tables["settings"]["u2"]["opted_out"] = "perhaps"
    told: list[Damage] = []

    async with _directory(tables, clock, told.extend) as directory:
        people = await directory.look_up(["u0", "u1", "u2"])

    assert people["u0"] == _person("u0")
    assert people["u1"] == Person("u1", Contact("u1"), UserSettings("u1"))
    assert people["u2"] == msgspec.structs.replace(_person("u2"), settings=UserSettings("u2", opted_out=True))
    assert told == [Damage("u1", ItemKind.CONTACT, "email"), Damage("u2", ItemKind.SETTINGS, "opted_out")]
