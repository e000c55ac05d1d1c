from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyd.core.ttl_cache import TtlCache


def test_a_value_is_known_until_it_is_as_old_as_the_ttl() -> None:
    cache = TtlCache[str](ttl_s=5, entries_max=10)
    cache.remember({"a": "A"}, read_at_s=100, now_s=101)

    assert cache.split(["a", "b"], 104.9) == ({"a": "A"}, ["b"])
    assert cache.split(["a"], 105) == ({}, ["a"])


def test_a_ttl_of_zero_remembers_nothing() -> None:
    cache = TtlCache[str](ttl_s=0, entries_max=10)
    cache.remember({"a": "A"}, read_at_s=100, now_s=100)

    assert cache.split(["a"], 100) == ({}, ["a"])


def test_when_full_the_value_written_longest_ago_goes() -> None:
    cache = TtlCache[int](ttl_s=5, entries_max=2)
    for number, key in enumerate(["a", "b", "a", "c"]):
        cache.remember({key: number}, read_at_s=100, now_s=100)

    assert cache.split("abc", 100) == ({"a": 2, "c": 3}, ["b"])


def test_what_expired_gives_its_room_back() -> None:
    cache = TtlCache[int](ttl_s=5, entries_max=1000)
    cache.remember(dict.fromkeys(map(str, range(500)), 1), read_at_s=100, now_s=100)
    cache.remember({"late": 2}, read_at_s=110, now_s=110)

    assert len(cache) == 1


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.floats(0, 3)), max_size=40), st.integers(1, 4))
def test_nothing_older_than_the_ttl_and_no_more_than_the_most_is_ever_held(
    writes: list[tuple[str, float]], entries_max: int
) -> None:
    cache = TtlCache[float](ttl_s=5, entries_max=entries_max)
    now_s = 0.0
    written: dict[str, float] = {}
    for key, passed_s in writes:
        now_s += passed_s
        cache.remember({key: now_s}, read_at_s=now_s, now_s=now_s)
        written[key] = now_s
        known, _ = cache.split("abcdef", now_s)
        assert len(cache) <= entries_max
        assert known[key] == now_s
        assert known == {other: at_s for other, at_s in written.items() if other in known}
        assert all(at_s > now_s - 5 for at_s in known.values())


@pytest.mark.parametrize(("ttl_s", "entries_max"), [(-1, 1), (1, 0)])
def test_a_cache_that_could_not_work_is_refused(ttl_s: float, entries_max: int) -> None:
    with pytest.raises(ValueError, match="has to be"):
        TtlCache[str](ttl_s=ttl_s, entries_max=entries_max)
