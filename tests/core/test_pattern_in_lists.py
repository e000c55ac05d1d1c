"""Patterns over events full of lists, against AWS's own words on them, worked out slowly.

https://github.com/aws/event-ruler#json-array-matching: an event is its leaves, each with the elements of lists
that it stands in. A match takes a leaf for each field that has to be there; no two of them may stand in
different elements of one list, and no leaf that could be taken with them may have a field that has to be absent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifyd.core.pattern import compile_pattern

Path = tuple[str, ...]
Elements = dict[Path, int]
Leaf = tuple[Path, object, Elements]

ABSENT = {"exists": False}
PASSES: list[tuple[Any, Callable[[object], bool]]] = [
    ("a", lambda value: value == "a"),
    (None, lambda value: value is None),
    ({"anything-but": "a"}, lambda value: value != "a"),
    ({"anything-but": {"prefix": ["a", "b"]}}, lambda value: not str(value).startswith(("a", "b"))),
    ({"numeric": [">", 0, "<=", 2]}, lambda value: isinstance(value, int) and 0 < value <= 2),
    ({"exists": True}, lambda _: True),
]
NAMES = st.sampled_from(["x", "y", "z"])
EVENTS = st.dictionaries(
    NAMES,
    st.recursive(
        st.sampled_from(["a", "ab", "c", 0, 1, 2, 3, None]),
        lambda below: st.lists(below, max_size=3) | st.dictionaries(NAMES, below, max_size=3),
        max_leaves=8,
    ),
    max_size=3,
)
TESTS = st.lists(st.sampled_from([test for test, _ in PASSES] + [ABSENT] * 4), min_size=1, max_size=2)
PATTERNS = st.dictionaries(
    NAMES,
    st.recursive(TESTS, lambda below: st.dictionaries(NAMES, below, min_size=1, max_size=3), max_leaves=5),
    min_size=1,
    max_size=3,
)


def _leaves(value: object, path: Path, place: Path, elements: Elements) -> Iterator[Leaf]:
    """`place`: the path with the elements' numbers in it, which names a list."""
    if isinstance(value, dict):
        for name, below in value.items():
            yield from _leaves(below, (*path, name), (*place, name), elements)
    elif isinstance(value, list):
        for number, element in enumerate(value):
            yield from _leaves(element, path, (*place, str(number)), {**elements, place: number})
    else:
        yield path, value, elements


def _fields(pattern: dict[str, Any], path: Path) -> Iterator[tuple[Path, list[Any]]]:
    for name, below in pattern.items():
        if isinstance(below, dict):
            yield from _fields(below, (*path, name))
        else:
            yield (*path, name), below


def _agree(one: Elements, other: Elements) -> bool:
    return all(other.get(place, number) == number for place, number in one.items())


def _passes(tests: list[Any], value: object) -> bool:
    return any(test in tests and passes(value) for test, passes in PASSES)


def _matches(
    wanted: list[tuple[Path, list[Any]]], leaves: list[Leaf], taken: Elements, absent: tuple[Path, ...]
) -> bool:
    if not wanted:
        return not any(path in absent and _agree(elements, taken) for path, _, elements in leaves)
    (path, tests), rest = wanted[0], wanted[1:]
    if ABSENT in tests and _matches(rest, leaves, taken, (*absent, path)):
        return True
    return any(
        _matches(rest, leaves, {**taken, **elements}, absent)
        for at, value, elements in leaves
        if at == path and _passes(tests, value) and _agree(elements, taken)
    )


def _slowly(pattern: dict[str, Any], event: dict[str, Any]) -> bool:
    return _matches(list(_fields(pattern, ())), list(_leaves(event, (), (), {})), {}, ())


@settings(max_examples=500)
@given(PATTERNS, EVENTS)
def test_a_pattern_matches_as_its_leaves_do(pattern: dict[str, Any], event: dict[str, Any]) -> None:
    assert compile_pattern(pattern).matches(event) is _slowly(pattern, event)


@settings(max_examples=200)
@given(PATTERNS, PATTERNS, PATTERNS, EVENTS)
def test_alternatives_match_as_the_patterns_that_they_stand_for(
    common: dict[str, Any], one: dict[str, Any], other: dict[str, Any], event: dict[str, Any]
) -> None:
    """Each names the same fields of the event by names of its own: `$or` repeats none of those beside it."""
    apart = {f"{name}{copy}": value for name, value in event.items() for copy in ("", "1", "2")}
    alternatives = [
        {f"{name}{copy}": below for name, below in own.items()} for copy, own in (("1", one), ("2", other))
    ]

    matched = compile_pattern({**common, "$or": alternatives}).matches(apart)

    assert matched is any(_slowly({**common, **alternative}, apart) for alternative in alternatives)


@pytest.mark.parametrize(
    ("people", "passes"),
    [
        ([{"zip": 1}, {"name": "Bob"}], False),
        ([{"name": "Ann"}, {"name": "Bob"}], True),
        ([], True),
        (["Ann"], True),
        ([[{"name": "Ann"}], [[{"zip": None}]]], False),
    ],
)
def test_a_field_that_has_to_be_absent_stands_in_no_element(people: list[Any], *, passes: bool) -> None:
    assert compile_pattern({"people": {"zip": [ABSENT]}}).matches({"people": people}) is passes


def test_a_field_is_absent_of_the_element_that_the_other_fields_found() -> None:
    pattern = compile_pattern({"people": {"name": ["Ann"], "zip": [ABSENT]}})

    assert pattern.matches({"people": [{"name": "Ann"}, {"name": "Bob", "zip": 1}]})
    assert not pattern.matches({"people": [{"name": "Ann", "zip": 1}, {"name": "Bob"}]})
