"""What lies compressed in a message or row comes back whole, and nobody's small message fills the memory."""

from __future__ import annotations

import base64
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyd.core.packed_text import PLAIN_BYTES_MAX, pack_text, unpack_text


@given(st.binary())
def test_what_is_packed_comes_back(plain: bytes) -> None:
    assert unpack_text(pack_text(plain)) == plain


def test_so_does_the_longest_there_may_be() -> None:
    assert len(unpack_text(pack_text(bytes(PLAIN_BYTES_MAX)))) == PLAIN_BYTES_MAX


@pytest.mark.parametrize(
    "packed",
    [
        pack_text(bytes(PLAIN_BYTES_MAX + 1)),
        pack_text(b"a message")[:-5],
        base64.b85encode(b"nothing compressed").decode(),
        base64.b85encode(zlib.compress(b"a message")[:-4]).decode(),  # without its checksum
        "",
        "é",
    ],
    ids=["too long", "cut off", "not compressed", "no checksum", "empty", "no base85"],
)
def test_anything_else_is_refused(packed: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        unpack_text(packed)
