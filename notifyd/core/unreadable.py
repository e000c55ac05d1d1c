"""What reading somebody else's JSON raises."""

from __future__ import annotations

from typing import Final

import msgspec

UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""No JSON or not of the kind wanted, no UTF-8, nested too deep: of the three only the first is msgspec's own."""
