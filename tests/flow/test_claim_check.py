"""Whatever goes into a message or a row can be read again."""

from __future__ import annotations

import pytest

from notifyd.core.log_row import LogRow, RowKind
from notifyd.core.packed_text import PLAIN_BYTES_MAX, pack_text
from notifyd.flow.claim_check import check_out, fits_a_message


def test_an_event_that_no_reader_would_unpack_fits_no_message_however_well_it_compresses() -> None:
    assert fits_a_message({"detail": "x" * 20_000_000})
    assert not fits_a_message({"detail": "x" * PLAIN_BYTES_MAX})


def test_a_row_that_holds_more_than_any_event_is_unreadable() -> None:
    detail = {"zlib_b85": pack_text(b"{}" + b" " * PLAIN_BYTES_MAX)}
    row = LogRow("event-1", "event", 0, RowKind.EVENT, "a/b/1:0", at_s=1.0, expires_at_s=2, detail=detail)
    with pytest.raises(ValueError, match="longer than"):
        check_out([row], "a/b/1:0")
