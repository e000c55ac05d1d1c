from __future__ import annotations

import pytest

from notifyd.core.cut_text import beginning


@pytest.mark.parametrize(
    ("text", "characters", "kept"),
    [
        ("one two", 7, "one two"),
        ("one two", 4, "one"),
        ("e\u0301a", 1, "e"),
        ("\U0001f469\u200d\U0001f467!", 2, "\U0001f469"),
        ("❤\ufe0f!", 2, "❤"),
        ("", 3, ""),
    ],
)
def test_a_beginning_ends_with_a_whole_character(text: str, characters: int, kept: str) -> None:
    assert beginning(text, characters) == kept
