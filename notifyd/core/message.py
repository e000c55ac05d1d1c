"""What is sent: the rendered message and the delivery that carries it."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from notifyd.core.channel import Channel, InDoubt, Lane
from notifyd.core.filled_text import FilledText


class Email(msgspec.Struct, frozen=True, gc=False):
    """`headers` and `tags` belong to this mail alone; `sender` None: the provider's configured one.

    `html`: `str()` of it is the text; what mails of one template share is kept apart for a provider that can
    send it once.
    """

    subject: str
    text: str
    html: FilledText | str | None = None
    sender: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    tags: tuple[tuple[str, str], ...] = ()


class Sms(msgspec.Struct, frozen=True, gc=False):
    """`shorten`: what is over a vendor's limit may be cut rather than refused."""

    text: str
    shorten: bool = False


class Push(msgspec.Struct, frozen=True, gc=False):
    """For APNs, FCM and web push alike. Without title and body it is silent: the app alone sees `data`.

    `collapse_id` None: the delivery's id, so that a resend replaces the first banner. `link` is opened on a tap.
    """

    title: str = ""
    body: str = ""
    data: tuple[tuple[str, str], ...] = ()
    badge: int | None = None
    sound: str | None = None
    image_url: str | None = None
    link: str | None = None
    category: str | None = None
    thread: str | None = None
    collapse_id: str | None = None
    shorten: bool = False

    @property
    def is_silent(self) -> bool:
        return not self.title and not self.body


class Chat(msgspec.Struct, frozen=True, gc=False):
    """In Slack's mrkdwn, where `&`, `<` and `>` of values are escaped. `blocks`: JSON, an array of blocks."""

    text: str
    blocks: bytes | None = None


Message = Email | Sms | Push | Chat
M = TypeVar("M", Email, Sms, Push, Chat)


class Delivery(msgspec.Struct, gc=False):
    """One notification to one address by one channel.

    `platform`: whose address it is, where a channel has several (chat: slack, webhook). `attempt` counts turns
    from 1, those that ended before anything was sent included: each has its own claim.
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
    platform: str = ""
    attempt: int = 1


def message_of(delivery: Delivery, kind: type[M]) -> M:
    """Its message, as its channel has them. Raises TypeError: it was routed to a provider of another channel."""
    message = delivery.message
    if isinstance(message, kind):
        return message
    raise TypeError(f"a {type(message).__name__} where a {kind.__name__} is sent")
