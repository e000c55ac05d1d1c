"""A text as what many texts share and what is this one's alone, put together by whoever needs it whole."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec


class FixedText:
    """Fixed pieces with a place between each two of them. Made once a template; told apart by identity."""

    __slots__ = ("chars", "pieces")

    def __init__(self, pieces: Sequence[str]) -> None:
        if not pieces:
            raise ValueError("a FixedText wants at least one piece")
        self.pieces = tuple(pieces)
        self.chars = sum(map(len, pieces))

    def with_places(self) -> list[str]:
        """The pieces, and between them what is to be filled."""
        whole = [""] * (2 * len(self.pieces) - 1)
        whole[::2] = self.pieces
        return whole


class FilledText(msgspec.Struct, frozen=True, gc=False):
    """`str()` of it is the text, `len()` its characters. `whole`: the fixed pieces and the values in turns."""

    fixed: FixedText
    whole: list[str]
    chars: int

    @property
    def values(self) -> list[str]:
        return self.whole[1::2]

    def __str__(self) -> str:
        return "".join(self.whole)

    def __len__(self) -> int:
        return self.chars


def filled(fixed: FixedText, whole: list[str]) -> FilledText:
    """`whole`: `fixed`'s pieces with the values between them."""
    return FilledText(fixed, whole, fixed.chars + len("".join(whole[1::2])))
