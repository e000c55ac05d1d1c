"""A record on its way from reading to its claim."""

from __future__ import annotations

import base64

import msgspec

from notifyd.core.account import Account
from notifyd.core.channel import Channel
from notifyd.core.log_row import LogRow
from notifyd.core.retry_message import DeadMessage
from notifyd.flow.ticket import Ticket


class DeadEnd(msgspec.Struct, frozen=True):
    """What ends on a DLQ without a send: its row first, then the message. `channel` None: the DLQ of events."""

    channel: Channel | None
    message: DeadMessage
    row: LogRow | None = None


# A body is kept whole up to this, so that its DLQ message stays under SQS's 1 MiB.
_BODY_BYTES_MAX = 512 * 1024


def dead_body(body: bytes, *, reason: str, at_s: float, position: str) -> DeadMessage:
    """Of what never became a delivery: the event itself, for a person to look at."""
    kept = base64.b64encode(body[:_BODY_BYTES_MAX]).decode()
    return DeadMessage(reason, at_s, position, body_base64=kept, body_bytes=len(body))


class Prepared(msgspec.Struct):
    """What one record asks for. Nothing of it begins before its claim is acknowledged.

    `tickets` take slots; `rows` (suppressed, expired) only have to be durable. `holds`: where the source dedupes,
    the event id of which this is the one record until it settles. `begun_to`: of a record in doubt, the rank of
    the last delivery that may have begun; "": any may. `left`: once it is claimed, the ends still to come.
    """

    index: int
    account: Account
    size_bytes: int
    tickets: list[Ticket] = []
    rows: list[LogRow] = []
    dead_ends: list[DeadEnd] = []
    holds: str = ""
    begun_to: str = ""
    left: int = 0

    @property
    def effects(self) -> int:
        """How many ends the record waits for before it settles."""
        return len(self.tickets) + len(self.dead_ends) + (1 if self.rows else 0)
