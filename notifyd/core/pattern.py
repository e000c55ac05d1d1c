"""Event patterns in the syntax that Lambda and EventBridge share, compiled to closures.

As AWS describes it: fields are and-ed, the tests of one field's list are or-ed, a list in the event passes when
any of its elements does, `$or` holds alternatives, and tests look at leaves only: a field that holds an object is
absent to `exists`. The fields of one pattern object have to hold in the same element of a list of objects;
where they only want fields to be absent, no element may have them. Numbers compare by value (300 is 300.0).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from notifyd.core.pattern_operators import ScalarTest, WrongTest, compile_scalar_test

# Over any sensible pattern; a deeper one would meet Python's own recursion limit.
DEPTH_MAX: Final = 32

# How a value passes: by something that it holds, or only by what it lacks. The falsy one: it does not.
_NO: Final = 0
_LACKS: Final = 1
_HOLDS: Final = 2

_Matcher = Callable[[object], int]


class _Absent:
    """What a field that the event lacks is matched as."""


_ABSENT: Final = _Absent()
_NO_FIELDS: Final[dict[str, object]] = {}


class PatternFault(msgspec.Struct, frozen=True):
    """One thing wrong with a pattern: where in it, the value found there, and what would be right."""

    path: tuple[str | int, ...]
    value: object
    mend: str

    def __str__(self) -> str:
        place = ".".join(str(step) for step in self.path) or "the pattern"
        return f"{place}: {self.value!r} is wrong; {self.mend}"


class PatternError(ValueError):
    """A pattern that cannot be meant; `faults` are all of them."""

    def __init__(self, faults: Sequence[PatternFault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = tuple(faults)


class Pattern:
    """A compiled pattern; `source` is what it was compiled from."""

    __slots__ = ("_matcher", "source")

    def __init__(self, source: Mapping[str, Any], matcher: _Matcher) -> None:
        self.source = source
        self._matcher = matcher

    def matches(self, value: Mapping[str, Any]) -> bool:
        return self._matcher(value) != _NO

    def exact_values(self, field: str) -> frozenset[str] | None:
        """The only strings that the top-level `field` may hold; None where other tests let more through."""
        tests = self.source.get(field)
        if isinstance(tests, list) and all(isinstance(test, str) for test in tests):
            return frozenset(tests)
        return None

    def looks_at(self, *path: str) -> bool:
        """Whether any test stands at or below `path`, inside `$or` too."""
        return _looks_at(self.source, path)


def compile_pattern(pattern: object) -> Pattern:
    """Raises PatternError with every fault of the pattern."""
    faults: list[PatternFault] = []
    matcher = _compile_object(pattern, (), faults)
    if faults or not isinstance(pattern, dict):
        raise PatternError(faults)
    return Pattern(pattern, matcher)


def _looks_at(node: object, path: tuple[str, ...]) -> bool:
    if not path:
        return True
    if not isinstance(node, dict):
        # A leaf test above the path: `exists` and its like see whether there is anything.
        return True
    alternatives = node.get("$or", ())
    return (path[0] in node and _looks_at(node[path[0]], path[1:])) or any(
        _looks_at(alternative, path) for alternative in alternatives
    )


def _never(_: object) -> int:
    return _NO


def _compile_object(node: object, path: tuple[str | int, ...], faults: list[PatternFault]) -> _Matcher:
    if not isinstance(node, dict):
        faults.append(PatternFault(path, node, "an object of fields is wanted here"))
        return _never
    if not node:
        faults.append(PatternFault(path, node, 'name at least one field, such as {"source": ["orders"]}'))
        return _never
    if len(path) > DEPTH_MAX:
        faults.append(PatternFault(path, "…", f"patterns nest at most {DEPTH_MAX} deep"))
        return _never
    fields: list[tuple[str, _Matcher]] = []
    alternatives: list[_Matcher] = []
    for key, below in node.items():
        if not isinstance(key, str):
            faults.append(PatternFault((*path, str(key)), key, "a field's name is a string: put it in quotes"))
        elif key == "$or":
            alternatives = _compile_alternatives(below, (*path, key), faults)
        elif isinstance(below, dict):
            fields.append((key, _compile_object(below, (*path, key), faults)))
        else:
            fields.append((key, _compile_leaf(below, (*path, key), faults)))
    return _object_matcher(tuple(fields), tuple(alternatives))


def _compile_alternatives(node: object, path: tuple[str | int, ...], faults: list[PatternFault]) -> list[_Matcher]:
    if not isinstance(node, list) or len(node) < 2:
        faults.append(PatternFault(path, node, "$or takes a list of two or more pattern objects"))
        return []
    return [_compile_object(below, (*path, index), faults) for index, below in enumerate(node)]


def _compile_leaf(node: object, path: tuple[str | int, ...], faults: list[PatternFault]) -> _Matcher:
    if not isinstance(node, list) or not node:
        faults.append(PatternFault(path, node, 'a field takes a list of tests, such as ["a", {"prefix": "b"}]'))
        return _never
    scalars: list[ScalarTest] = []
    literals: list[object] = []
    absent = False
    for index, test in enumerate(node):
        if isinstance(test, dict) and test.get("exists") is False and len(test) == 1:
            absent = True
        elif isinstance(test, dict):
            try:
                scalars.append(compile_scalar_test(test))
            except WrongTest as wrong:
                faults.append(PatternFault((*path, index, *wrong.path), wrong.value, wrong.mend))
        elif test is None or isinstance(test, (str, int, float)):
            literals.append(test)
        else:
            faults.append(
                PatternFault((*path, index), test, "a test is a string, number, true, false, null or operator")
            )
    if literals:
        scalars.insert(0, _equals(literals))
    return _leaf_matcher(tuple(scalars), absent=absent)


def _equals(literals: list[object]) -> ScalarTest:
    strings = frozenset(literal for literal in literals if isinstance(literal, str))
    if all(isinstance(literal, str) for literal in literals):
        return lambda value: value.__class__ is str and value in strings
    # By class, because True equals 1 in Python and not in JSON.
    flags = frozenset(literal for literal in literals if literal is None or isinstance(literal, bool))
    numbers = frozenset(
        literal for literal in literals if isinstance(literal, (int, float)) and not isinstance(literal, bool)
    )

    def equals(value: object) -> bool:
        if isinstance(value, str):
            return value in strings
        if value is None or isinstance(value, bool):
            return value in flags
        return value in numbers

    return equals


def _leaf_matcher(tests: tuple[ScalarTest, ...], *, absent: bool) -> _Matcher:
    lacking = _LACKS if absent else _NO

    def scalar(value: object) -> bool:
        return any(test(value) for test in tests)

    def leaf(value: object) -> int:
        if isinstance(value, list):
            leaves = [element for element in _flat(value) if not isinstance(element, dict)]
            if not leaves:
                return lacking
            return _HOLDS if any(map(test_one, leaves)) else _NO
        if value is _ABSENT or isinstance(value, dict):
            return lacking
        return _HOLDS if test_one(value) else _NO

    test_one = tests[0] if len(tests) == 1 else scalar
    return leaf


def _object_matcher(fields: tuple[tuple[str, _Matcher], ...], alternatives: tuple[_Matcher, ...]) -> _Matcher:
    def fits(value: dict[str, object]) -> int:
        answer = _LACKS
        for key, matcher in fields:
            found = matcher(value.get(key, _ABSENT))
            if not found:
                return _NO
            if found == _HOLDS:
                answer = _HOLDS
        if not alternatives:
            return answer
        found = max([matcher(value) for matcher in alternatives])
        return found and max(found, answer)

    def match(value: object) -> int:
        if isinstance(value, dict):
            return fits(value)
        if isinstance(value, list):
            answers = [fits(element) for element in _flat(value) if isinstance(element, dict)]
            if answers:
                return _HOLDS if _HOLDS in answers else min(answers)
        return fits(_NO_FIELDS)

    return match


def _flat(values: list[object]) -> Iterator[object]:
    for value in values:
        if isinstance(value, list):
            yield from _flat(value)
        else:
            yield value
