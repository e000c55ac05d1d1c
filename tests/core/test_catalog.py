from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyd.core.catalog import Catalog
from notifyd.core.path import compile_path
from tests.support.catalog_examples import event, notification_type

NAMES = st.sampled_from(["a", "b", "c"])
TESTS = st.lists(NAMES | st.just({"prefix": "a"}) | st.just({"anything-but": "a"}), min_size=1, max_size=2)
FIELDS = st.dictionaries(st.sampled_from(["source", "detail-type", "id"]), TESTS, min_size=1)
PATTERNS = FIELDS | st.lists(FIELDS, min_size=2, max_size=2).map(lambda fields: {"$or": fields})


@given(patterns=st.lists(PATTERNS, max_size=5), source=NAMES, detail_types=st.lists(NAMES, max_size=2))
def test_the_index_finds_what_trying_every_pattern_finds_in_the_catalogs_order(
    patterns: list[dict[str, Any]], source: str, detail_types: list[str]
) -> None:
    types = [notification_type(f"type-{index}", pattern) for index, pattern in enumerate(patterns)]
    happened = event(source, *detail_types)
    tried = tuple(type_ for type_ in types if type_.match.matches(happened.envelope))
    assert Catalog(types).matching(happened) == tried


def test_a_type_is_found_by_its_name() -> None:
    paid = notification_type("paid")
    assert Catalog([paid]).get("paid") is paid
    assert Catalog([paid]).get("refunded") is None


@pytest.mark.parametrize(
    ("expression", "detail", "user_ids"),
    [
        ("detail.user", {"user": "u-1"}, ("u-1",)),
        ("detail.user", {"user": 17}, ("17",)),
        ("detail.users", {"users": ["b", "a", "b", 5]}, ("b", "a", "5")),
        ("detail.users[].id", {"users": [{"id": "a"}, {"id": "b"}]}, ("a", "b")),
        ("detail.user", {}, ()),
        ("detail.user", {"user": ""}, ()),
        ("detail.user", {"user": True}, ()),
        ("detail.user", {"user": {"id": "a"}}, ()),
        ("detail.users", {"users": ["a", None, "", {}]}, ("a",)),
        ("keys(detail.user)", {"user": "a"}, ()),
    ],
)
def test_users_are_those_that_stand_at_the_path_each_once(
    expression: str, detail: dict[str, Any], user_ids: tuple[str, ...]
) -> None:
    type_ = notification_type(users=compile_path(expression))
    assert type_.user_ids(event("shop", **detail)) == user_ids
