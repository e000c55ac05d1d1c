"""Segments as the networks count them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyd.core.sms_segments import Count, Encoding, count, shorten

GSM7, UCS2 = Encoding.GSM7, Encoding.UCS2
TEXTS = st.text(st.sampled_from("a €{]é🎉ж\n"), max_size=700)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Count(GSM7, 0, 1)),
        ("a" * 160, Count(GSM7, 160, 1)),
        ("a" * 161, Count(GSM7, 161, 2)),
        ("a" * 306, Count(GSM7, 306, 2)),
        ("a" * 307, Count(GSM7, 307, 3)),
        ("€" * 80, Count(GSM7, 160, 1)),
        ("€" * 81, Count(GSM7, 162, 2)),
        ("Grüße, Ñandú Ω Å", Count(UCS2, 16, 1)),
        ("Grüße Ω Å à", Count(GSM7, 11, 1)),
        ("ж" * 70, Count(UCS2, 70, 1)),
        ("ж" * 71, Count(UCS2, 71, 2)),
        ("ж" * 134, Count(UCS2, 134, 2)),
        ("🎉" * 35, Count(UCS2, 70, 1)),
        ("`", Count(UCS2, 1, 1)),
    ],
)
def test_a_text_counts_as_the_networks_count_it(text: str, expected: Count) -> None:
    assert count(text) == expected


def test_an_escape_and_its_character_are_not_parted() -> None:
    assert count("a" * 152 + "€" + "a" * 153).segments == 3
    assert count("a" * 151 + "€" + "a" * 153).segments == 2


def test_the_halves_of_a_character_are_not_parted() -> None:
    assert count("ж" * 66 + "🎉" + "ж" * 66).segments == 3
    assert count("ж" * 65 + "🎉" + "ж" * 67).segments == 2


@given(text=TEXTS, segments_max=st.integers(1, 6))
def test_what_is_shortened_fits_and_says_so(text: str, segments_max: int) -> None:
    cut = shorten(text, segments_max)
    if count(text).segments <= segments_max:
        assert cut == text
        return
    assert count(cut).segments <= segments_max
    assert count(cut).units <= count(text).units
    kept = cut.removesuffix("...").removesuffix("…")
    assert kept != cut
    assert text.startswith(kept)


@given(TEXTS)
def test_parts_hold_all_units_and_none_is_without_need(text: str) -> None:
    counted = count(text)
    alone, joined = (160, 153) if counted.encoding is GSM7 else (70, 67)
    if counted.units <= alone:
        assert counted.segments == 1
    else:
        # A part leaves at most one unit empty: of a pair that did not fit.
        assert (counted.segments - 1) * (joined - 1) < counted.units <= counted.segments * joined


def test_a_cut_keeps_as_much_as_fits() -> None:
    assert shorten("a" * 200, 1) == "a" * 157 + "..."
    assert shorten("ж" * 200, 2) == "ж" * 133 + "…"
    assert shorten("word " * 60, 1) == ("word " * 32)[:157].rstrip() + "..."
