"""Deliveries for whoever sends them."""

from __future__ import annotations

from itertools import count
from typing import Any

import msgspec

from notifyd.core.channel import Channel, InDoubt, Lane
from notifyd.core.message import Delivery, Email, Message, Push

_NUMBERS = count(1)
PLAIN = Email(subject="Your payment", text="It arrived.\n", html="<p>It arrived.</p>\n")


def delivery(message: Email = PLAIN, *, address: str = "ann@example.com", delivery_id: str = "") -> Delivery:
    """Of an id that nobody else has, unless one is given."""
    number = next(_NUMBERS)
    return Delivery(
        delivery_id=delivery_id or f"TESTDELIVERY{number:014}",
        event_id=f"event-{number}",
        user_id=f"user-{number}",
        type_name="payment",
        channel=Channel.EMAIL,
        address=address,
        lane=Lane.TRANSACTIONAL,
        in_doubt=InDoubt.RESEND,
        arrival_s=0.0,
        deadline_at_s=86_400.0,
        message=message,
    )


def delivery_of(message: Message, channel: Channel, address: str, **fields: Any) -> Delivery:
    """`fields`: of the delivery."""
    own = {"channel": channel, "address": address, "message": message, **fields}
    return msgspec.structs.replace(delivery(), **own)


def push_delivery(message: Push, channel: Channel, address: str, **fields: Any) -> Delivery:
    return delivery_of(message, channel, address, **fields)
