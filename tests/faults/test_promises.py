from __future__ import annotations

import pytest

from tests.faults.promises import Promise, largest


@pytest.mark.parametrize(
    ("promise", "kept"),
    [
        (Promise("lost", 0, at_most=0), True),
        (Promise("lost", 1, at_most=0), False),
        (Promise("drained", 1.9, at_least=2), False),
        (Promise("drained", 2.0, at_least=2), True),
        (Promise("takeover", None, at_most=18), False),
    ],
)
def test_a_promise_is_broken_beyond_its_bound_and_where_nothing_was_measured(promise: Promise, kept: bool) -> None:
    assert promise.is_kept is kept


def test_what_never_happened_is_the_largest_of_all() -> None:
    assert largest([1.0, None, 3.0]) is None
    assert largest([1.0, 3.0]) == 3.0
