"""Bytes as a text that is shorter: compressed, in the characters of base85."""

from __future__ import annotations

import base64
import zlib
from typing import Final

PLAIN_BYTES_MAX: Final = 64 * 1024 * 1024


def pack_text(plain: bytes) -> str:
    return base64.b85encode(zlib.compress(plain)).decode()


def unpack_text(packed: str) -> bytes:
    """Raises ValueError for what `pack_text` did not make, or of more than PLAIN_BYTES_MAX."""
    inflating = zlib.decompressobj()
    try:
        plain = inflating.decompress(base64.b85decode(packed), PLAIN_BYTES_MAX)
    except zlib.error as fault:
        raise ValueError(f"not compressed by us: {fault}") from None
    if not inflating.eof:
        raise ValueError(f"cut off, or longer than {PLAIN_BYTES_MAX} bytes")
    return plain
