"""Slots: never more than there are, and nobody waits for ever."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyd.core.slots import SlotAccount

HOLDERS = ["a", "b", "c", "d"]
MOVES = st.lists(
    st.tuples(
        st.sampled_from(["take", "take", "free", "leave", "give_up"]),
        st.sampled_from(HOLDERS),
        st.integers(0, 12),
    ),
    max_size=80,
)


@given(st.integers(1, 10), MOVES)
def test_no_more_slots_are_out_than_there_are(slots_max: int, moves: list[tuple[str, str, int]]) -> None:
    account = SlotAccount(slots_max)
    held: Counter[str] = Counter()
    for move, holder, number in moves:
        match move:
            case "take":
                granted = account.take(holder, number)
                assert 0 <= granted <= number
                held[holder] += granted
            case "free":
                account.free(holder, min(number, held[holder]))
                held[holder] -= min(number, held[holder])
            case "leave":
                assert account.leave(holder) == held.pop(holder, 0)
            case "give_up":
                account.give_up(holder)
        assert account.used == sum(held.values()) <= slots_max
        assert {name: account.held(name) for name in HOLDERS} == {name: held[name] for name in HOLDERS}


@given(st.integers(1, 10), st.dictionaries(st.sampled_from(HOLDERS), st.integers(1, 60), min_size=1))
def test_everybody_gets_what_they_want_when_everybody_gives_back(slots_max: int, wants: dict[str, int]) -> None:
    account = SlotAccount(slots_max)
    left = dict(wants)
    turns = 0
    for holder, wanted in wants.items():
        left[holder] -= account.take(holder, wanted)
    while any(left.values()):
        turns += 1
        assert turns <= 20 * sum(wants.values()), f"{left} are still wanted"
        holders = [holder for holder in wants if account.held(holder)]
        if holders:
            account.free(holders[turns % len(holders)], 1)
        for holder in account.next_in_line():
            if left[holder]:
                left[holder] -= account.take(holder, left[holder])


@given(st.integers(1, 10), MOVES)
def test_whoever_waits_while_nothing_is_held_is_called(slots_max: int, moves: list[tuple[str, str, int]]) -> None:
    account = SlotAccount(slots_max)
    for move, holder, number in moves:
        if move == "take":
            account.take(holder, number)
        elif move == "give_up":
            account.give_up(holder)
    for holder in HOLDERS:
        account.free(holder, account.held(holder))
    assert bool(account.next_in_line()) == bool(account.waiting_count)


def test_a_latecomer_gets_its_part_of_what_comes_free() -> None:
    account = SlotAccount(10)
    assert account.take("a", 100) == 10
    assert account.take("b", 100) == 0
    account.free("a", 4)
    assert account.next_in_line() == ["b"]
    assert account.take("a", 4) == 0
    assert account.take("b", 100) == 4


def test_who_gives_up_stands_in_nobody_s_way() -> None:
    account = SlotAccount(1)
    account.take("a", 1)
    account.take("b", 1)
    account.take("c", 1)
    assert account.give_up("b")
    account.free("a", 1)
    assert account.next_in_line() == ["c"]
    assert account.take("c", 1) == 1
    assert not account.give_up("b")


def test_more_cannot_be_freed_than_is_held() -> None:
    account = SlotAccount(5)
    account.take("a", 2)
    with pytest.raises(ValueError, match="frees 3 slots but holds 2"):
        account.free("a", 3)


def test_there_has_to_be_a_slot() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        SlotAccount(0)
