"""No queue refuses what is handed to it for its size: its record, and all behind it, would never settle. And
whatever goes into a message or a row can be read again.
"""

from __future__ import annotations

from functools import cache
from hashlib import shake_128

import msgspec
import pytest

from notifyd.aws.retry_queue import pack
from notifyd.core.channel import Channel
from notifyd.core.log_row import LogRow, RowKind
from notifyd.core.packed_text import PLAIN_BYTES_MAX, pack_text
from notifyd.core.retry_message import DeadMessage, RetryMessage
from notifyd.flow.claim_check import check_out, cut, fits_a_message

QUEUE_BYTES_MAX = 2**20
NONCHARACTERS = "\ufffe\uffff"


@cache
def noise(chars: int, *, noncharacters_in: int = 0) -> str:
    """Text that hardly compresses; of each `noncharacters_in` characters one is one that SQS refuses."""
    text = "".join(chr(0x23 + byte % 0x39) for byte in shake_128(b"noise").digest(chars))
    if not noncharacters_in:
        return text
    step = noncharacters_in
    return "".join(text[at : at + step - 1] + NONCHARACTERS[ord(text[at]) % 2] for at in range(0, chars, step))


def message(text: str, address: str = "ann@example.com") -> RetryMessage:
    return RetryMessage(
        delivery_id="DELIVERY",
        event_id="e1",
        position="kinesis:events/shard-0/1:0",
        user_id="ann",
        type_name="paid",
        channel=Channel.EMAIL,
        address=address,
        attempt=2,
        arrival_s=1.5,
        deadline_at_s=2.5,
        not_before_s=3.5,
        event={"id": "e1", "detail": {"text": text}},
    )


@pytest.mark.parametrize("address_chars", [15, 390_000])
@pytest.mark.parametrize("chars", [600_000, 990_000, 1_200_000])
@pytest.mark.parametrize("noncharacters_in", [0, 2])
def test_what_is_said_to_fit_a_message_is_no_longer_than_a_queue_takes(
    chars: int, noncharacters_in: int, address_chars: int
) -> None:
    made = message(noise(chars, noncharacters_in=noncharacters_in), "a@" + noise(address_chars))
    dead = DeadMessage("attempts", 1.0, made.position, delivery=made)

    assert not fits_a_message(made) or len(pack(made).encode()) <= QUEUE_BYTES_MAX
    assert len(pack(cut(dead)).encode()) <= QUEUE_BYTES_MAX


@pytest.mark.parametrize("text", ["", noise(900_000), "x" * 5_000_000], ids=["small", "large", "compresses well"])
def test_what_a_queue_takes_goes_to_it_whole(text: str) -> None:
    dead = DeadMessage("attempts", 1.0, "a/b/1:0", delivery=message(text))

    assert fits_a_message(message(text))
    assert cut(dead) is dead


def test_what_is_cut_keeps_its_delivery_and_the_start_of_its_event() -> None:
    dead = cut(DeadMessage("attempts", 1.0, "a/b/1:0", delivery=message(noise(2_000_000))))

    assert dead.delivery == msgspec.structs.replace(message(""), event=None)
    assert dead.body_base64 is not None
    assert dead.body_bytes > 2_000_000


def test_an_event_that_no_reader_would_unpack_fits_no_message_however_well_it_compresses() -> None:
    assert fits_a_message(message("x" * 20_000_000))
    assert not fits_a_message(message("x" * PLAIN_BYTES_MAX))


def test_a_row_that_holds_more_than_any_event_is_unreadable() -> None:
    detail = {"zlib_b85": pack_text(b"{}" + b" " * PLAIN_BYTES_MAX)}
    row = LogRow("event-1", "event", 0, RowKind.EVENT, "a/b/1:0", at_s=1.0, expires_at_s=2, detail=detail)
    with pytest.raises(ValueError, match="longer than"):
        check_out([row], "a/b/1:0")
