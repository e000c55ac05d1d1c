from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyd.wire.http_date import epoch_s


@pytest.mark.parametrize(
    "text", ["Tue, 14 Nov 2023 22:13:20 GMT", "Tue, 14 Nov 2023 22:13:20 +0000", "Tue, 14 Nov 2023 23:13:20 +0100"]
)
def test_a_date_is_seconds_since_the_epoch(text: str) -> None:
    assert epoch_s(text) == 1_700_000_000.0


@pytest.mark.parametrize(
    "text", ["", "now", "Tue, 99 Foo 2023 22:13:20 GMT", "Tue, 14 Nov 99999 22:13:20 GMT", "2023-11-14T22:13:20Z"]
)
def test_what_is_no_date_has_none(text: str) -> None:
    assert epoch_s(text) is None


@given(
    st.text(max_size=30)
    | st.from_regex(
        r"Tue, [0-9]{1,3} Nov [0-9]{1,6} [0-9]{1,3}:[0-9]{1,3}:[0-9]{1,9} [+-][0-9]{1,9}", fullmatch=True
    )
)
def test_any_text_is_a_date_or_none(text: str) -> None:
    seconds = epoch_s(text)
    assert seconds is None or isinstance(seconds, float)
