from __future__ import annotations

import pytest

from notifyd.core.cut_text import beginning


@pytest.mark.parametrize(
    ("text", "characters", "kept"),
    [
        ("one two", 7, "one two"),
        ("one two", 4, "one"),
        ("xe\u0301a", 2, "x"),
        ("e\u0301a", 2, "e\u0301"),
        ("x\U0001f469\u200d\U0001f467!", 2, "x"),
        ("x\U0001f469\u200d\U0001f467!", 3, "x"),
        ("❤\ufe0f!", 2, "❤\ufe0f"),
        ("x❤\ufe0f!", 2, "x"),
        ("x\U0001f44d\U0001f3fd!", 2, "x"),
        ("\U0001f1e8\U0001f1ed\U0001f1eb\U0001f1f7", 3, "\U0001f1e8\U0001f1ed"),
        ("\U0001f1e8\U0001f1ed\U0001f1eb\U0001f1f7", 2, "\U0001f1e8\U0001f1ed"),
        ("\u0928\u0938\u0947!", 2, "\u0928"),
        ("", 3, ""),
    ],
)
def test_a_beginning_ends_with_a_whole_character(text: str, characters: int, kept: str) -> None:
    assert beginning(text, characters) == kept
