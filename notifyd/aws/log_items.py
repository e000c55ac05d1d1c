"""Log rows as DynamoDB items and back. Writing is hot: 1–2 rows a delivery."""

from __future__ import annotations

from typing import Any

import msgspec

from notifyd.core.channel import Channel
from notifyd.core.log_row import LogRow, RowKind

_encode = msgspec.json.encode
# DynamoDB's most for the partition key of an index. Beyond it the whole call would be refused, again and again.
_USER_ID_BYTES_MAX = 2048


def item_of(row: LogRow, key: str) -> bytes:
    """The item as DynamoDB's JSON; `key`: `row.row`, made once. Empty key attributes of an index are left out."""
    shard, _, sequence = row.position.rpartition("/")
    parts = [
        b'{"event_id":{"S":%b},"row":{"S":%b},"kind":{"S":"%b"},"delivery_id":{"S":%b},"attempt":{"N":"%d"},'
        b'"at":{"N":"%b"},"expires_at":{"N":"%d"},"position":{"S":%b}'
        % (
            _encode(row.event_id),
            _encode(key),
            row.kind.encode(),
            _encode(row.delivery_id),
            row.attempt,
            repr(row.at_s).encode(),
            row.expires_at_s,
            _encode(row.position),
        )
    ]
    if shard:
        parts.append(b',"shard":{"S":%b},"sequence":{"S":%b}' % (_encode(shard), _encode(sequence)))
    for name, value in (
        (b"user_id", _cut(row.user_id)),
        (b"type_name", row.type_name),
        (b"channel", row.channel),
        (b"address_hint", row.address_hint),
        (b"provider", row.provider),
        (b"provider_id", row.provider_id),
        (b"reason", row.reason),
    ):
        if value:
            parts.append(b',"%b":{"S":%b}' % (name, _encode(value)))
    if row.detail is not None:
        parts.append(b',"detail":{"S":%b}' % _encode(_encode(row.detail).decode()))
    parts.append(b"}")
    return b"".join(parts)


def _cut(user_id: str) -> str:
    """No contact can be keyed by a longer one, so such a row only tells that nobody was there."""
    if len(user_id) * 4 <= _USER_ID_BYTES_MAX:
        return user_id
    return user_id.encode()[:_USER_ID_BYTES_MAX].decode(errors="ignore")


def parse_row(item: dict[str, dict[str, Any]]) -> LogRow:
    def text(name: str) -> str:
        return str(item[name]["S"]) if name in item else ""

    channel = text("channel")
    return LogRow(
        event_id=text("event_id"),
        delivery_id=text("delivery_id"),
        attempt=int(item["attempt"]["N"]),
        kind=RowKind(text("kind")),
        position=text("position"),
        at_s=float(item["at"]["N"]),
        expires_at_s=int(item["expires_at"]["N"]),
        user_id=text("user_id"),
        type_name=text("type_name"),
        channel=Channel(channel) if channel else None,
        address_hint=text("address_hint"),
        provider=text("provider"),
        provider_id=text("provider_id"),
        reason=text("reason"),
        detail=msgspec.json.decode(text("detail")) if "detail" in item else None,
    )
