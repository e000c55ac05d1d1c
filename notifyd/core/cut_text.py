"""A text's beginning without half of what shows as one character at its end. Pure."""

from __future__ import annotations

from typing import Final
from unicodedata import category

# UAX 29: what these begin belongs to the character before. Of joiners and tags the category says no such thing.
_MARKS: Final = frozenset({"Mn", "Mc", "Me"})
_JOINER: Final = "\u200d"


def beginning(text: str, characters: int) -> str:
    """At most so many of its first characters, without the space that would stand before an ellipsis."""
    end = min(characters, len(text))
    while 0 < end < len(text) and _is_inside(text, end):
        end -= 1
    return text[:end].rstrip()


def _is_inside(text: str, at: int) -> bool:
    """Whether a cut before index `at` goes through what shows as one character."""
    before, after = text[at - 1], text[at]
    return (
        before == _JOINER
        or category(after) in _MARKS
        or _extends(after)
        or (_is_flag_half(after) and _flag_halves(text, at) % 2 == 1)
    )


def _extends(character: str) -> bool:
    """Joiners, skin tones, and the tags that spell a flag."""
    return (
        character in "\u200c\u200d"
        or "\U0001f3fb" <= character <= "\U0001f3ff"
        or "\U000e0020" <= character <= "\U000e007f"
    )


def _is_flag_half(character: str) -> bool:
    """Two letters make a flag."""
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _flag_halves(text: str, at: int) -> int:
    """How many stand in a row before index `at`."""
    start = at
    while start and _is_flag_half(text[start - 1]):
        start -= 1
    return at - start
