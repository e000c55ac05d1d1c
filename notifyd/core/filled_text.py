"""A text as what many texts share and what is this one's alone, put together by whoever needs it whole."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec


class FixedText:
    """Fixed pieces with a place between each two of them. Made once a template; told apart by identity."""

    __slots__ = ("_places", "chars", "pieces")

    def __init__(self, pieces: Sequence[str]) -> None:
        if not pieces:
            raise ValueError("a FixedText wants at least one piece")
        self.pieces = tuple(pieces)
        self.chars = sum(map(len, pieces))
        self._places = [""] * (2 * len(pieces) - 1)
        self._places[::2] = pieces

    def with_values(self, values: Sequence[str]) -> str:
        """`values`: one a place."""
        whole = self._places.copy()
        whole[1::2] = values
        return "".join(whole)


class FilledText(msgspec.Struct, frozen=True, gc=False):
    """`str()` of it is the text, `len()` its characters."""

    fixed: FixedText
    values: Sequence[str]
    chars: int

    def __str__(self) -> str:
        return self.fixed.with_values(self.values)

    def __len__(self) -> int:
        return self.chars


def filled(fixed: FixedText, values: Sequence[str]) -> FilledText:
    """`values`: one a place."""
    return FilledText(fixed, values, fixed.chars + len("".join(values)))
