"""What is sent: the rendered message and the delivery that carries it."""

from __future__ import annotations

import msgspec

from notifyd.core.channel import Channel, InDoubt, Lane


class Email(msgspec.Struct, frozen=True, gc=False):
    """`headers` and `tags` belong to this mail alone; `sender` None: the provider's configured one."""

    subject: str
    text: str
    html: str | None = None
    sender: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    tags: tuple[tuple[str, str], ...] = ()


Message = Email


class Delivery(msgspec.Struct, gc=False):
    """One notification to one address by one channel.

    `attempt` counts turns from 1, those that ended before anything was sent included: each has its own claim.
    """

    delivery_id: str
    event_id: str
    user_id: str
    type_name: str
    channel: Channel
    address: str
    lane: Lane
    in_doubt: InDoubt
    arrival_s: float
    deadline_at_s: float
    message: Message
    attempt: int = 1
