"""Unsettled positions as runs."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyd.core.runs import MAX_POSITIONS, decode_runs, encode_runs

STATES = st.lists(st.sampled_from([0, 1]), max_size=400).map(bytearray)


@given(STATES, st.integers(0, 50), st.integers(0, 50))
def test_what_is_encoded_is_decoded_the_same(states: bytearray, skip: int, drop: int) -> None:
    start = min(skip, len(states))
    end = max(start, len(states) - drop)
    assert decode_runs(encode_runs(states, start, end)) == states[start:end]


def test_a_span_with_a_few_stragglers_takes_a_few_hundred_bytes() -> None:
    states = bytearray(b"\x01" * 65_536)
    states[::1000] = bytes(len(states[::1000]))
    assert len(encode_runs(states, 0, len(states))) < 300


@given(st.binary(max_size=30))
def test_damaged_bytes_are_refused_or_read_within_bounds(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert len(decode_runs(data)) <= MAX_POSITIONS


@pytest.mark.parametrize(
    "data", [b"", b"\x80", b"\x05\x01", b"\x05\x01\x05", b"\xff" * 9, b"\xff\xff\xff\xff\x7f"]
)
def test_cut_or_impossible_runs_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"run|varint|window"):
        decode_runs(data)
