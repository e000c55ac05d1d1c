"""delivery.recipients_allow: who may be sent to at all."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

# Shorter than any whole E.164 number: with a plus in front it must be meant as a prefix.
_NUMBER_DIGITS_MIN: Final = 7


class AllowList:
    """Patterns in which `*` stands for any text: `*@example.com` (or `@example.com`), `+41*`, whole addresses."""

    __slots__ = ("_pattern",)

    def __init__(self, patterns: Sequence[str]) -> None:
        """Raises ValueError for a pattern that lets nobody through."""
        self._pattern = re.compile("|".join(map(_expression, patterns)) or r"(?!)", re.IGNORECASE | re.DOTALL)

    def allows(self, address: str) -> bool:
        return self._pattern.fullmatch(address) is not None


def _expression(pattern: str) -> str:
    pattern = pattern.strip()
    if not pattern:
        raise ValueError("an empty pattern lets nobody through; write an address, *@example.com or +41*")
    if pattern.startswith("+") and "*" not in pattern and len(pattern) <= _NUMBER_DIGITS_MIN:
        raise ValueError(f"{pattern!r} is no whole number and so lets nobody through; write {pattern + '*'!r}")
    if pattern.startswith("@"):
        pattern = f"*{pattern}"
    return ".*".join(map(re.escape, pattern.split("*")))
