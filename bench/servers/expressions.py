"""DynamoDB's condition and update expressions, as far as the daemon writes them: top-level attributes only."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

Item = dict[str, dict[str, Any]]
Operand = Callable[[Item], dict[str, Any] | None]
Condition = Callable[[Item], bool]

_TOKEN = re.compile(r"\s*([#:]\w+|[A-Za-z_]\w*|<>|<=|>=|[=<>(),+])")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Expression:
    """Reads one expression from left to right. Raises ValueError on what it does not know."""

    def __init__(self, text: str, asked: dict[str, Any]) -> None:
        self._text = text
        self._names: dict[str, str] = asked.get("ExpressionAttributeNames", {})
        self._values: dict[str, dict[str, Any]] = asked.get("ExpressionAttributeValues", {})
        self._tokens = _tokens(text)

    def condition(self) -> Condition:
        parsed = self._either()
        self._end()
        return parsed

    def update(self) -> Callable[[Item], Item]:
        """A function from the item as it was to the item as it is to be."""
        steps: list[Callable[[Item, Item], None]] = []
        while self._tokens:
            clause = self._take().upper()
            step = {"SET": self._set, "REMOVE": self._remove, "ADD": self._add}.get(clause)
            if step is None:
                raise ValueError(f"no clause {clause!r} here: {self._text}")
            steps.append(step())
            while self._next_is(","):
                steps.append(step())

        def apply(old: Item) -> Item:
            new = dict(old)
            for run in steps:
                run(old, new)
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
            return lambda item: name in item
        if self._next_is("attribute_not_exists"):
            name = self._in_parentheses()
            return lambda item: name not in item
        if self._next_is("begins_with"):
            return self._begins_with()
        left = self._operand()
        compare = _COMPARE[self._take()]
        right = self._operand()
        return lambda item: _compared(compare, left(item), right(item))

    def _begins_with(self) -> Condition:
        self._expect("(")
        whole = self._operand()
        self._expect(",")
        start = self._operand()
        self._expect(")")
        return lambda item: str(_plain(whole(item))).startswith(str(_plain(start(item))))

    def _set(self) -> Callable[[Item, Item], None]:
        name = self._name()
        self._expect("=")
        value = self._operand()
        if self._next_is("+"):
            more = self._operand()
            return lambda old, new: new.__setitem__(name, _sum(value(old), more(old)))
        return lambda old, new: new.__setitem__(name, value(old) or {"NULL": True})

    def _remove(self) -> Callable[[Item, Item], None]:
        name = self._name()

        def remove(_old: Item, new: Item) -> None:
            new.pop(name, None)

        return remove

    def _add(self) -> Callable[[Item, Item], None]:
        name = self._name()
        value = self._operand()
        return lambda old, new: new.__setitem__(name, _sum(old.get(name), value(old)))

    def _operand(self) -> Operand:
        if self._next_is("if_not_exists"):
            self._expect("(")
            name = self._name()
            self._expect(",")
            otherwise = self._operand()
            self._expect(")")
            return lambda item: item.get(name) or otherwise(item)
        token = self._take()
        if token.startswith(":"):
            value = self._values[token]
            return lambda _item: value
        attribute = self._named(token)
        return lambda item: item.get(attribute)

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
    return lambda item: left(item) or right(item)


def _and(left: Condition, right: Condition) -> Condition:
    return lambda item: left(item) and right(item)


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
