from __future__ import annotations

import jmespath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyd.core.path import PathError, compile_path

NAMES = st.sampled_from(["a", "b", "c", '"detail-type"'])
SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=3)
VALUES = st.recursive(
    SCALARS,
    lambda below: (
        st.lists(below, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c", "detail-type"]), below)
    ),
    max_leaves=12,
)
EXPRESSIONS = st.one_of(
    st.lists(NAMES, min_size=1, max_size=4).map(".".join),
    st.sampled_from(
        ["a[0].b", "a[].b", "a[*]", "b || a", "@", "a | b", "{x: a}", "[a, b]", "a.b[?c=='x'].c", "'a'"]
    ),
)


@given(expression=EXPRESSIONS, value=VALUES)
def test_a_path_finds_what_jmespath_finds(expression: str, value: object) -> None:
    assert compile_path(expression).find(value) == jmespath.search(expression, value)


@pytest.mark.parametrize("expression", ["", "a.", "a..b", "a[", "detail-type"])
def test_an_expression_that_is_no_jmespath_is_refused_with_its_text(expression: str) -> None:
    with pytest.raises(PathError, match="is no JMESPath"):
        compile_path(expression)


def test_a_function_that_cannot_take_the_value_raises_a_path_error() -> None:
    with pytest.raises(PathError):
        compile_path("length(a)").find({"a": 1})
