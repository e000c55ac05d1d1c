"""DynamoDB's typed attribute values to plain JSON values and back.

Numbers: what an int or a double holds exactly becomes one, so that templates count and compare. What a double
would round (over 15 significant digits with a fraction) stays the text that DynamoDB gave: it prints
as it was stored and survives JSON, which a Decimal does not. Binary stays base64 text, sets become lists.
"""

from __future__ import annotations

import math
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec

from notifyd.core.unreadable import UNREADABLE

# DynamoDB's own limit for documents.
DEPTH_MAX: Final = 32
# DynamoDB keeps 38 digits; int() of thousands of them is refused by Python and slow before that.
_NUMBER_CHARACTERS_MAX: Final = 160
_DOUBLE_DIGITS: Final = 15
# DynamoDB's numbers end at 9.99…E+125; int() of one that is written in 30 characters can take hours.
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
_EXPONENT_MAX: Final = 125


class WrongItem(ValueError):
    """No item in DynamoDB's JSON."""


class AttributeValue(msgspec.Struct, gc=False):
    """One of them is set. A struct, because msgspec then checks the types, and faster than dicts are built."""

    S: str | None = None
    N: str | None = None
    M: dict[str, AttributeValue] | None = None
    L: list[AttributeValue] | None = None
    BOOL: bool | None = None
    NULL: bool | None = None
    B: str | None = None
    SS: list[str] | None = None
    NS: list[str] | None = None
    BS: list[str] | None = None


Item = dict[str, AttributeValue]

_DECODER: Final = msgspec.json.Decoder(Item)


def decode_values(body: bytes | msgspec.Raw) -> Item:
    """Raises WrongItem and nothing else."""
    try:
        return _DECODER.decode(body)
    except UNREADABLE as error:
        raise WrongItem(str(error)) from error


def decode_item(body: bytes | msgspec.Raw) -> dict[str, Any]:
    """`{"id": {"S": "a"}}` as `{"id": "a"}`; raises WrongItem and nothing else."""
    return plain_item(decode_values(body))


def plain_item(item: Item, depth: int = 1) -> dict[str, Any]:
    """Raises WrongItem."""
    if depth > DEPTH_MAX:
        raise WrongItem(f"nested over {DEPTH_MAX} deep")
    # Strings are most of what tables hold: they are answered without a call.
    return {name: text if (text := value.S) is not None else _plain(value, depth) for name, value in item.items()}


def _plain(value: AttributeValue, depth: int) -> Any:
    if value.S is not None:
        return value.S
    if value.N is not None:
        return plain_number(value.N)
    if value.M is not None:
        return plain_item(value.M, depth + 1)
    if value.L is not None:
        if depth >= DEPTH_MAX:
            raise WrongItem(f"nested over {DEPTH_MAX} deep")
        return [_plain(element, depth + 1) for element in value.L]
    return _plain_rare(value)


def _plain_rare(value: AttributeValue) -> Any:
    if value.NULL is not None:
        return None
    if value.NS is not None:
        return [plain_number(number) for number in value.NS]
    for as_it_is in (value.BOOL, value.B, value.SS, value.BS):
        if as_it_is is not None:
            return as_it_is
    raise WrongItem("an attribute value without a known type (S, N, M, L, BOOL, NULL, B, SS, NS, BS)")


def plain_number(text: str) -> int | float | str:
    """Raises WrongItem for text that is no number."""
    if len(text) <= _DOUBLE_DIGITS:
        # Most numbers: short enough that neither int nor double rounds them.
        try:
            return _finite(float(text)) if "." in text or "e" in text or "E" in text else int(text)
        except ValueError:
            raise WrongItem(f"{text!r} is no number") from None
    try:
        exact = Decimal(text if len(text) <= _NUMBER_CHARACTERS_MAX else "")
    except InvalidOperation:
        raise WrongItem(f"{text[:40]!r} ({len(text)} characters) is no number of DynamoDB's") from None
    if not exact.is_finite():
        raise WrongItem(f"{text!r} is no finite number")
    if exact.adjusted() > _EXPONENT_MAX:
        raise WrongItem(f"{text[:40]!r} is over 9.99…E+{_EXPONENT_MAX}, the most that DynamoDB holds")
    if exact == exact.to_integral_value():
        return int(exact)
    double = float(exact)
    return double if Decimal(repr(double)) == exact else text


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise ValueError(number)
    return number


def typed_item(item: dict[str, Any]) -> dict[str, Any]:
    """Plain JSON values as DynamoDB's JSON wants them; raises WrongItem for what it cannot hold."""
    return {name: typed_value(value) for name, value in item.items()}


def typed_value(value: object) -> dict[str, Any]:
    """Raises WrongItem for anything but JSON's own values."""
    match value:
        case None:
            return {"NULL": True}
        case str():
            return {"S": value}
        case bool():
            return {"BOOL": value}
        case int() | float():
            return {"N": _number_text(value)}
        case dict():
            return {"M": typed_item(value)}
        case list() | tuple():
            return {"L": [typed_value(element) for element in value]}
    raise WrongItem(f"{value!r} has no place in a DynamoDB item; JSON values have")


def _number_text(number: float) -> str:
    if not -math.inf < number < math.inf:
        raise WrongItem(f"{number!r} has no place in a DynamoDB item; finite numbers have")
    return repr(number)
