"""What a retry queue or a DLQ carries: the delivery's whole story."""

from __future__ import annotations

from typing import Any

import msgspec

from notifyd.core.channel import Channel


class Attempted(msgspec.Struct, frozen=True):
    """One attempt of the story."""

    attempt: int
    at_s: float
    kind: str
    reason: str = ""
    provider: str = ""
    answer: str = ""


class RetryMessage(msgspec.Struct):
    """`attempt` is the next one to make; it lives in the body because a redrive resets receive counts.

    `event` is the decoded event's envelope; None where it was over the size limit and lies in the log as
    row `event`. `not_before_s`: waits beyond SQS's 900 s are chained. `in_doubt`: an earlier send may have been
    accepted; `doubted_at_s`: when that was noticed, after the send. `platform`: as a delivery has it; "" also in
    messages from before they had one.
    """

    delivery_id: str
    event_id: str
    position: str
    user_id: str
    type_name: str
    channel: Channel
    address: str
    attempt: int
    arrival_s: float
    deadline_at_s: float
    not_before_s: float
    event: dict[str, Any] | None
    story: tuple[Attempted, ...] = ()
    in_doubt: bool = False
    doubted_at_s: float = 0.0
    platform: str = ""


class DeadMessage(msgspec.Struct):
    """On a DLQ: `reason`, what became of it, and either the delivery or the malformed record's body; both, without
    the delivery's event, where no queue takes that whole.
    """

    reason: str
    at_s: float
    position: str
    delivery: RetryMessage | None = None
    body_base64: str | None = None
    body_bytes: int = 0
