from __future__ import annotations

import pytest

from notifyd.core.allow_list import AllowList


@pytest.mark.parametrize(
    ("patterns", "address", "allowed"),
    [
        (["*@example.com"], "a@example.com", True),
        (["@example.com"], "A@Example.COM", True),
        (["@example.com"], "a@example.com.evil.org", False),
        (["@example.com"], "a@sub.example.com", False),
        (["a@example.com"], "a@example.com", True),
        (["a@example.com"], "ba@example.com", False),
        (["+41*"], "+41791234567", True),
        (["+41*"], "+43791234567", False),
        (["+41791234567"], "+417912345678", False),
        (["x.y@example.com"], "xzy@example.com", False),
        (["a*", "b*"], "b1", True),
        ([], "a@example.com", False),
    ],
)
def test_an_address_is_allowed_where_a_pattern_fits_all_of_it(
    patterns: list[str], address: str, *, allowed: bool
) -> None:
    assert AllowList(patterns).allows(address) is allowed


@pytest.mark.parametrize(("pattern", "mend"), [("", r"\*@example.com"), ("+41", r"'\+41\*'")])
def test_a_pattern_that_lets_nobody_through_is_refused(pattern: str, mend: str) -> None:
    with pytest.raises(ValueError, match=mend):
        AllowList([pattern])
