"""Places in a shard."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyd.core.sequence import (
    After,
    AtTimestamp,
    Position,
    ShardEnd,
    TrimHorizon,
    checkpoint_text,
    parse_checkpoint,
    parse_position,
)

POSITIONS = st.builds(
    Position,
    st.integers(0, 10**56 - 1).flatmap(
        lambda number: st.sampled_from([str(number), str(number).zfill(21), str(number).zfill(56)])
    ),
    st.integers(0, 10_000),
)


@given(POSITIONS, POSITIONS)
def test_order_is_that_of_the_integers(first: Position, second: Position) -> None:
    expected = (int(first.sequence), first.sub_sequence) > (int(second.sequence), second.sub_sequence)
    assert first.is_after(second) == expected


def test_a_longer_number_comes_later_whatever_its_digits() -> None:
    assert Position("100000000000000000000").is_after(Position("99999999999999999999"))
    assert not Position("007").is_after(Position("7"))


@given(POSITIONS)
def test_text_gives_the_same_place_back_leading_zeros_included(position: Position) -> None:
    assert parse_position(position.text()) == position
    assert parse_checkpoint(checkpoint_text(After(position))) == After(position)


@given(st.floats(0, 4e9))
def test_every_other_checkpoint_comes_back_from_its_text(timestamp_s: float) -> None:
    for checkpoint in (TrimHorizon(), ShardEnd(), AtTimestamp(timestamp_s)):
        assert parse_checkpoint(checkpoint_text(checkpoint)) == checkpoint


@pytest.mark.parametrize("text", ["", "5", "5:", ":1", "-5:1", "5:-1", "LATEST", "5:1:2", "AT_TIMESTAMP:soon"])
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"position|float"):
        parse_checkpoint(text)
