"""What receivers of webhooks read: an event of the Standard Webhooks scheme."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from notifyd.core.message import Chat, Delivery, message_of


class _Data(msgspec.Struct):
    delivery_id: str
    event_id: str
    user_id: str
    notification_type: str
    text: str
    blocks: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Payload(msgspec.Struct):
    type: str
    timestamp: str
    data: _Data


def payload(delivery: Delivery) -> bytes:
    """`type` and `timestamp` are of the event, as the scheme has them."""
    chat = message_of(delivery, Chat)
    arrival = datetime.fromtimestamp(delivery.arrival_s, UTC).isoformat(timespec="milliseconds")
    whole = _Payload(
        type="notification",
        timestamp=arrival.replace("+00:00", "Z"),
        data=_Data(
            delivery_id=delivery.delivery_id,
            event_id=delivery.event_id,
            user_id=delivery.user_id,
            notification_type=delivery.type_name,
            text=_unescaped(chat.text),
            blocks=msgspec.UNSET if chat.blocks is None else msgspec.Raw(chat.blocks),
        ),
    )
    return msgspec.json.encode(whole)


def _unescaped(text: str) -> str:
    """Of what Slack's mrkdwn escapes, which is these three."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
