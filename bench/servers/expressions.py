"""DynamoDB's condition and update expressions, as far as the daemon writes them: top-level attributes only."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache
from typing import Any

Item = dict[str, dict[str, Any]]
# Of ExpressionAttributeValues, whose names an expression has: they change from call to call, its text does not.
Values = dict[str, dict[str, Any]]
Operand = Callable[[Item, Values], dict[str, Any] | None]
Condition = Callable[[Item, Values], bool]
Update = Callable[[Item, Values], Item]
_Step = Callable[[Item, Item, Values], None]
# More than a daemon has.
_KEPT = 1024

_TOKEN = re.compile(r"\s*([#:]\w+|[A-Za-z_]\w*|<>|<=|>=|[=<>(),+])")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def matching(asked: dict[str, Any], member: str) -> Callable[[Item], bool]:
    """Whether an item is as the call's `member` says. Raises ValueError on what this module does not know."""
    condition = _condition(asked[member], _names(asked))
    values = asked.get("ExpressionAttributeValues", {})
    return lambda item: condition(item, values)


def updated(item: Item, asked: dict[str, Any]) -> Item:
    """The item as the call's UpdateExpression leaves it. Raises ValueError on what this module does not know."""
    update = _update(asked["UpdateExpression"], _names(asked))
    return update(item, asked.get("ExpressionAttributeValues", {}))


def _names(asked: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(asked.get("ExpressionAttributeNames", {}).items())


@lru_cache(maxsize=_KEPT)
def _condition(text: str, names: tuple[tuple[str, str], ...]) -> Condition:
    return _Reader(text, dict(names)).condition()


@lru_cache(maxsize=_KEPT)
def _update(text: str, names: tuple[tuple[str, str], ...]) -> Update:
    return _Reader(text, dict(names)).update()


class _Reader:
    """Of one expression, from left to right."""

    def __init__(self, text: str, names: dict[str, str]) -> None:
        self._text = text
        self._names = names
        self._tokens = _tokens(text)

    def condition(self) -> Condition:
        parsed = self._either()
        self._end()
        return parsed

    def update(self) -> Update:
        steps: list[_Step] = []
        while self._tokens:
            clause = self._take().upper()
            step = {"SET": self._set, "REMOVE": self._remove, "ADD": self._add}.get(clause)
            if step is None:
                raise ValueError(f"no clause {clause!r} here: {self._text}")
            steps.append(step())
            while self._next_is(","):
                steps.append(step())

        def apply(old: Item, values: Values) -> Item:
            new = dict(old)
            for run in steps:
                run(old, new, values)
            return new

        return apply

    def _either(self) -> Condition:
        left = self._both()
        while self._next_is("OR"):
            left = _or(left, self._both())
        return left

    def _both(self) -> Condition:
        left = self._single()
        while self._next_is("AND"):
            left = _and(left, self._single())
        return left

    def _single(self) -> Condition:
        if self._next_is("("):
            inside = self._either()
            self._expect(")")
            return inside
        if self._next_is("attribute_exists"):
            name = self._in_parentheses()
            return lambda item, _values: name in item
        if self._next_is("attribute_not_exists"):
            name = self._in_parentheses()
            return lambda item, _values: name not in item
        if self._next_is("begins_with"):
            return self._begins_with()
        left = self._operand()
        compare = _COMPARE[self._take()]
        right = self._operand()
        return lambda item, values: _compared(compare, left(item, values), right(item, values))

    def _begins_with(self) -> Condition:
        self._expect("(")
        whole = self._operand()
        self._expect(",")
        start = self._operand()
        self._expect(")")
        return lambda item, values: str(_plain(whole(item, values))).startswith(str(_plain(start(item, values))))

    def _set(self) -> _Step:
        name = self._name()
        self._expect("=")
        value = self._operand()
        if self._next_is("+"):
            more = self._operand()
            return lambda old, new, values: new.__setitem__(name, _sum(value(old, values), more(old, values)))
        return lambda old, new, values: new.__setitem__(name, value(old, values) or {"NULL": True})

    def _remove(self) -> _Step:
        name = self._name()

        def remove(_old: Item, new: Item, _values: Values) -> None:
            new.pop(name, None)

        return remove

    def _add(self) -> _Step:
        name = self._name()
        value = self._operand()
        return lambda old, new, values: new.__setitem__(name, _sum(old.get(name), value(old, values)))

    def _operand(self) -> Operand:
        if self._next_is("if_not_exists"):
            self._expect("(")
            name = self._name()
            self._expect(",")
            otherwise = self._operand()
            self._expect(")")
            return lambda item, values: item.get(name) or otherwise(item, values)
        token = self._take()
        if token.startswith(":"):
            return lambda _item, values: values[token]
        attribute = self._named(token)
        return lambda item, _values: item.get(attribute)

    def _in_parentheses(self) -> str:
        self._expect("(")
        name = self._name()
        self._expect(")")
        return name

    def _name(self) -> str:
        return self._named(self._take())

    def _named(self, token: str) -> str:
        return self._names[token] if token.startswith("#") else token

    def _take(self) -> str:
        if not self._tokens:
            raise ValueError(f"ends too early: {self._text}")
        return self._tokens.pop(0)

    def _next_is(self, token: str) -> bool:
        if self._tokens and self._tokens[0].upper() == token.upper():
            self._tokens.pop(0)
            return True
        return False

    def _expect(self, token: str) -> None:
        if not self._next_is(token):
            raise ValueError(f"{token!r} is missing: {self._text}")

    def _end(self) -> None:
        if self._tokens:
            raise ValueError(f"{self._tokens[0]!r} is one too many: {self._text}")


def _tokens(text: str) -> list[str]:
    tokens, at = [], 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"cannot read {text[at:]!r} of {text}")
        tokens.append(match[1])
        at = match.end()
    return tokens


def _or(left: Condition, right: Condition) -> Condition:
    return lambda item, values: left(item, values) or right(item, values)


def _and(left: Condition, right: Condition) -> Condition:
    return lambda item, values: left(item, values) and right(item, values)


def _plain(value: dict[str, Any] | None) -> Any:
    if value is None:
        return None
    kind, inside = next(iter(value.items()))
    return Decimal(inside) if kind == "N" else inside


def _compared(
    compare: Callable[[Any, Any], bool], left: dict[str, Any] | None, right: dict[str, Any] | None
) -> bool:
    """As in DynamoDB, a comparison with a missing attribute or one of another type is false (`<>`: true)."""
    if left is None or right is None or left.keys() != right.keys():
        return compare is operator.ne
    return compare(_plain(left), _plain(right))


def _sum(left: dict[str, Any] | None, right: dict[str, Any] | None) -> dict[str, Any]:
    return {"N": str((_plain(left) or Decimal(0)) + (_plain(right) or Decimal(0)))}
