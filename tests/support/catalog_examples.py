"""Notification types and events for tests of the catalog and the policy."""

from __future__ import annotations

from typing import Any

from notifyd.core.catalog import NotificationType
from notifyd.core.channel import Channel
from notifyd.core.envelope import event_of
from notifyd.core.event import Event
from notifyd.core.path import compile_path
from notifyd.core.pattern import compile_pattern
from notifyd.core.sequence import Position


def notification_type(name: str = "paid", match: dict[str, Any] | None = None, **fields: Any) -> NotificationType:
    values: dict[str, Any] = {
        "match": compile_pattern(match or {"source": ["shop"]}),
        "users": compile_path("detail.user_id"),
        "category": "payments",
        "channels": (Channel.EMAIL,),
        "template": name,
        **fields,
    }
    return NotificationType(name, **values)


def event(source: str = "shop", *detail_types: str, **detail: Any) -> Event:
    envelope = {"source": source, "detail-type": list(detail_types), "detail": detail}
    return event_of(envelope, "evt-1", Position("1"), 0.0)
