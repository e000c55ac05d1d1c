from __future__ import annotations

import contextlib
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyd.core.dynamodb_json import DEPTH_MAX, WrongItem, decode_item, plain_number, typed_item

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**38) + 1, 10**38 - 1)
    | st.floats(-(10**15), 10**15)
    | st.text(max_size=5)
)
ITEMS = st.dictionaries(
    st.text(max_size=5),
    st.recursive(
        SCALARS,
        lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=5), below, max_size=3),
        max_leaves=10,
    ),
)


@given(item=ITEMS)
def test_plain_values_come_back_as_they_went_in(item: dict[str, Any]) -> None:
    assert decode_item(msgspec.json.encode(typed_item(item))) == item


@given(number=st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**30), max_value=10**30))
def test_no_number_is_rounded(number: Decimal) -> None:
    assert Decimal(str(plain_number(f"{number:f}"))) == number


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("5", 5),
        ("-0.5", -0.5),
        ("1234.56", 1234.56),
        ("1e3", 1000.0),
        ("99999999999999999999999999999999999999", 99999999999999999999999999999999999999),
        ("0.12345678901234567890", "0.12345678901234567890"),
        ("1234567890123456.5", 1234567890123456.5),
    ],
)
def test_a_number_is_int_or_double_where_that_is_exact_and_text_where_not(text: str, plain: object) -> None:
    number = plain_number(text)
    assert (number, type(number)) == (plain, type(plain))


@pytest.mark.parametrize(
    "text",
    ["", "x", "NaN", "Infinity", "1.0e999", "-inf", "9" * 5_000, "NaN" + " " * 20, "1.00000000000000000E+126"],
)
def test_text_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(WrongItem):
        plain_number(text)


def test_sets_become_lists_and_binary_stays_base64() -> None:
    body = (
        b'{"a":{"SS":["x"]},"b":{"NS":["1","2.5"]},"c":{"BS":["AA=="]},"d":{"B":"AQ=="},"e":{"L":[{"NS":["3"]}]}}'
    )
    assert decode_item(body) == {"a": ["x"], "b": [1, 2.5], "c": ["AA=="], "d": "AQ==", "e": [[3]]}


def _nested(depth: int, opening: bytes, closing: bytes) -> bytes:
    return b'{"a":' + opening * depth + b'{"S":"x"}' + closing * depth + b"}"


@pytest.mark.parametrize(("opening", "closing"), [(b'{"M":{"b":', b"}}"), (b'{"L":[', b"]}")])
def test_nesting_is_bounded(opening: bytes, closing: bytes) -> None:
    assert decode_item(_nested(DEPTH_MAX - 1, opening, closing))
    for depth in (DEPTH_MAX, 50_000):
        with pytest.raises(WrongItem):
            decode_item(_nested(depth, opening, closing))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"a":"x"}',
        b'{"a":{}}',
        b'{"a":{"X":"y"}}',
        b'{"a":{"N":5}}',
        b'{"a":{"S":"\xff"}}',
        b"null",
    ],
)
def test_what_is_no_item_is_refused(body: bytes) -> None:
    with pytest.raises(WrongItem):
        decode_item(body)


@given(body=st.binary(max_size=60))
def test_any_bytes_give_an_item_or_a_refusal(body: bytes) -> None:
    with contextlib.suppress(WrongItem):
        assert isinstance(decode_item(body), dict)


def test_a_value_that_dynamodb_cannot_hold_is_refused() -> None:
    for value in (float("nan"), {1}, b"x"):
        with pytest.raises(WrongItem, match="no place"):
            typed_item({"a": value})
