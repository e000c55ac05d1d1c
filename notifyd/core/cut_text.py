"""A text's beginning without half of what shows as one character at its end. Pure."""

from __future__ import annotations

import re
from typing import Final

# Joiners, variation selectors, combining marks; and the space that would stand before an ellipsis.
_HALF_A_CHARACTER: Final = re.compile(r"[\s\u200d\ufe00-\ufe0f\u0300-\u036f]+$")


def beginning(text: str, characters: int) -> str:
    """At most so many of its first characters."""
    return _HALF_A_CHARACTER.sub("", text[:characters])
