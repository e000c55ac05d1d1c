"""The operators of event patterns: what stands in a field's list of tests, compiled for one leaf value."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Final

ScalarTest = Callable[[object], bool]

_COMPARISONS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class WrongTest(ValueError):
    """`path` is relative to the test, `value` what was found there, `mend` what would be right."""

    def __init__(self, path: tuple[str | int, ...], value: object, mend: str) -> None:
        super().__init__(mend)
        self.path = path
        self.value = value
        self.mend = mend


def compile_scalar_test(test: dict[str, Any]) -> ScalarTest:
    """Of `{operator: operand}`; raises WrongTest. The test never sees a list, an object or an absent field."""
    if len(test) != 1:
        raise WrongTest((), test, "one operator a test; or-ed tests are entries of the list")
    ((name, operand),) = test.items()
    build = OPERATORS.get(name)
    if build is None:
        raise WrongTest((name,), operand, f"known operators: {', '.join(sorted(OPERATORS))}")
    return build(operand)


def _prefix(operand: object) -> ScalarTest:
    if isinstance(operand, dict):
        start = _ignored_case("prefix", operand)
        return lambda value: isinstance(value, str) and value.lower().startswith(start)
    text = _text("prefix", operand)
    return lambda value: isinstance(value, str) and value.startswith(text)


def _suffix(operand: object) -> ScalarTest:
    if isinstance(operand, dict):
        end = _ignored_case("suffix", operand)
        return lambda value: isinstance(value, str) and value.lower().endswith(end)
    text = _text("suffix", operand)
    return lambda value: isinstance(value, str) and value.endswith(text)


def _equals_ignore_case(operand: object) -> ScalarTest:
    text = _text("equals-ignore-case", operand).lower()
    return lambda value: isinstance(value, str) and value.lower() == text


def _exists(operand: object) -> ScalarTest:
    # {"exists": false} never gets here: it is about fields that hold no value.
    if operand is not True:
        raise WrongTest(("exists",), operand, "exists takes true or false")
    return lambda _: True


def _anything_but(operand: object) -> ScalarTest:
    if isinstance(operand, dict):
        return _anything_but_test(operand)
    values = operand if isinstance(operand, list) else [operand]
    if not values or not all(_is_number(value) or isinstance(value, str) for value in values):
        raise WrongTest(
            ("anything-but",), operand, "anything-but takes a string, a number, a list of these, or one operator"
        )
    excluded = frozenset(values)
    return lambda value: isinstance(value, bool) or value not in excluded


def _anything_but_test(operand: dict[str, Any]) -> ScalarTest:
    inner = {"prefix": _prefix, "suffix": _suffix, "equals-ignore-case": _equals_ignore_case}
    name = next(iter(operand), "")
    if len(operand) != 1 or name not in inner:
        raise WrongTest(("anything-but",), operand, f"anything-but takes one of {', '.join(inner)}")
    texts = operand[name] if isinstance(operand[name], list) else [operand[name]]
    if not texts:
        raise WrongTest(("anything-but", name), operand[name], "name at least one string")
    excluded = tuple(_below("anything-but", inner[name], text) for text in texts)
    return lambda value: not any(test(value) for test in excluded)


def _below(outer: str, build: Callable[[object], ScalarTest], operand: object) -> ScalarTest:
    try:
        return build(operand)
    except WrongTest as wrong:
        raise WrongTest((outer, *wrong.path), wrong.value, wrong.mend) from None


def _numeric(operand: object) -> ScalarTest:
    mend = 'numeric takes ["=", 5], one bound (["<", 10]) or a range ([">", 0, "<=", 5])'
    if not isinstance(operand, list) or len(operand) not in {2, 4}:
        raise WrongTest(("numeric",), operand, mend)
    names, numbers = operand[0::2], operand[1::2]
    if not all(isinstance(name, str) and name in _COMPARISONS for name in names) or not all(
        map(_is_number, numbers)
    ):
        raise WrongTest(("numeric",), operand, mend)
    if len(names) == 1:
        compare, number = _COMPARISONS[names[0]], numbers[0]
        return lambda value: _is_number(value) and compare(value, number)
    if [name[0] for name in names] != [">", "<"] or numbers[0] >= numbers[1]:
        raise WrongTest(
            ("numeric",), operand, "a range is a lower bound (> or >=), then a higher upper one (< or <=)"
        )
    (above, below), (low, high) = (_COMPARISONS[name] for name in names), numbers
    return lambda value: _is_number(value) and above(value, low) and below(value, high)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _text(name: str, operand: object) -> str:
    if not isinstance(operand, str):
        raise WrongTest((name,), operand, f"{name} takes a string")
    return operand


def _ignored_case(name: str, operand: dict[str, Any]) -> str:
    if operand.keys() != {"equals-ignore-case"}:
        raise WrongTest((name,), operand, f'{name} takes a string or {{"equals-ignore-case": string}}')
    return _text("equals-ignore-case", operand["equals-ignore-case"]).lower()


OPERATORS: Final[dict[str, Callable[[object], ScalarTest]]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    "anything-but": _anything_but,
    "numeric": _numeric,
    "exists": _exists,
    "equals-ignore-case": _equals_ignore_case,
}
