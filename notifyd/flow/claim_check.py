"""An event too large for a queue lies in the log, and the message only says so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from notifyd.core.log_row import LogRow, RowKind
from notifyd.core.log_rows import RowMaker
from notifyd.core.packed_text import PLAIN_BYTES_MAX, pack_text, unpack_text
from notifyd.core.retry_message import DeadMessage, RetryMessage
from notifyd.flow.prepared import dead_body

# SQS bills and slows down by 64 KB; a row of the log ends at 400 KB, its other attributes included.
_MESSAGE_BYTES_MAX = 64 * 1024
_ROW_BYTES_MAX = 350 * 1024
# SQS takes 1 MiB, its attributes included.
_QUEUE_BYTES_MAX = 1_000_000
# U+FFFE and U+FFFF, of three bytes: what no queue takes goes to it escaped, in six.
_ESCAPED = (b"\xef\xbf\xbe", b"\xef\xbf\xbf")
# A message of it may be twice as long, as escaped. A stream's records have 10 MiB at most, and JSON that is
# written anew may grow (1e9 → 1000000000.0).
_PLAIN_EVENT_BYTES_MAX = PLAIN_BYTES_MAX // 2


def check_in(message: RetryMessage, rows: RowMaker, now_s: float) -> LogRow | None:
    """Takes an event over 64 KB out of the message; the row that has to be durable before the message goes.

    One that does not even compress into a row stays: SQS takes messages up to 1 MiB. See `fits_a_message`.
    """
    plain = msgspec.json.encode(message.event)
    if len(plain) <= _MESSAGE_BYTES_MAX:
        return None
    packed = pack_text(plain)
    if len(packed) > _ROW_BYTES_MAX or len(plain) > _PLAIN_EVENT_BYTES_MAX:
        return None
    message.event = None
    return rows.undelivered_row(
        event_id=message.event_id,
        delivery_id="event",
        kind=RowKind.EVENT,
        position=message.position,
        at_s=now_s,
        reason="",
        detail={"zlib_b85": packed},
    )


def fits_a_message(message: RetryMessage | DeadMessage) -> bool:
    """Whether any queue takes it, plain or compressed: no try would help what is larger."""
    plain = msgspec.json.encode(message)
    escapes_bytes = 3 * sum(map(plain.count, _ESCAPED)) if len(plain) > _QUEUE_BYTES_MAX // 2 else 0
    packed_from_bytes = len(plain) + escapes_bytes
    if packed_from_bytes <= _QUEUE_BYTES_MAX:
        return True
    return packed_from_bytes <= PLAIN_BYTES_MAX and len(pack_text(plain)) <= _QUEUE_BYTES_MAX


def cut(dead: DeadMessage) -> DeadMessage:
    """With the start of its event alone, for a person to look at, where no queue takes it whole."""
    if dead.delivery is None or fits_a_message(dead):
        return dead
    body = msgspec.json.encode(dead.delivery.event)
    kept = dead_body(body, reason=dead.reason, at_s=dead.at_s, position=dead.position)
    with_delivery = msgspec.structs.replace(kept, delivery=msgspec.structs.replace(dead.delivery, event=None))
    return with_delivery if fits_a_message(with_delivery) else kept


def check_out(rows: Sequence[LogRow], position: str) -> dict[str, Any] | None:
    """The event out of the log's rows; None where it is not there. Raises ValueError where it cannot be read."""
    for row in rows:
        if row.kind is RowKind.EVENT and row.position == position and row.detail is not None:
            event: dict[str, Any] = msgspec.json.decode(unpack_text(row.detail["zlib_b85"]))
            return event
    return None
