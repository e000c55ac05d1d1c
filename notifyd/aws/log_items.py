"""Log rows as DynamoDB items and back. Writing is hot: 1–2 rows a delivery."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

from notifyd.core.channel import Channel
from notifyd.core.log_row import LogRow, RowKind

# DynamoDB's most for the partition key of an index. Beyond it the whole call would be refused, again and again.
_USER_ID_BYTES_MAX = 2048
# And for an item, of which this takes off a little.
ITEM_BYTES_MAX = 400_000
_TEXT_CHARS_MAX = 1000


class Text(msgspec.Struct, gc=False):
    S: str


class Number(msgspec.Struct, gc=False):
    N: str


class Item(msgspec.Struct, omit_defaults=True, gc=False):
    """A row in DynamoDB's JSON. Empty key attributes of an index are left out, as it takes none."""

    event_id: Text
    row: Text
    kind: Text
    delivery_id: Text
    attempt: Number
    at: Number
    expires_at: Number
    position: Text
    shard: Text | None = None
    sequence: Text | None = None
    user_id: Text | None = None
    type_name: Text | None = None
    channel: Text | None = None
    address_hint: Text | None = None
    provider: Text | None = None
    provider_id: Text | None = None
    reason: Text | None = None
    detail: Text | None = None


# Encoding an enum's member takes as long as five texts.
_KINDS = {kind: Text(kind.value) for kind in RowKind}
_CHANNELS = {channel: Text(channel.value) for channel in Channel}


@lru_cache(maxsize=256, typed=True)
def _number(value: float) -> Number:
    """The rows of one provider call have the same times."""
    return Number(repr(value))


def item_of(row: LogRow, key: str) -> Item:
    """`key`: `row.row`, made once."""
    shard, _, sequence = row.position.rpartition("/")
    return Item(
        Text(row.event_id),
        Text(key),
        _KINDS[row.kind],
        Text(row.delivery_id),
        _number(row.attempt),
        _number(row.at_s),
        _number(row.expires_at_s),
        Text(row.position),
        Text(shard) if shard else None,
        Text(sequence) if shard and sequence else None,
        Text(_cut(row.user_id)) if row.user_id else None,
        Text(row.type_name) if row.type_name else None,
        _CHANNELS[row.channel] if row.channel else None,
        Text(row.address_hint) if row.address_hint else None,
        Text(row.provider) if row.provider else None,
        Text(row.provider_id) if row.provider_id else None,
        Text(row.reason) if row.reason else None,
        Text(msgspec.json.encode(row.detail).decode()) if row.detail is not None else None,
    )


def within_bounds(item: Item) -> Item:
    """What contacts and providers may fill without a bound is cut where DynamoDB would not take the item.

    By its JSON, in which it is no shorter than as DynamoDB counts it.
    """
    if len(msgspec.json.encode(item)) <= ITEM_BYTES_MAX:
        return item
    return msgspec.structs.replace(
        item,
        address_hint=_beginning(item.address_hint),
        provider_id=_beginning(item.provider_id),
        reason=_beginning(item.reason),
        detail=item.detail if item.detail is not None and len(item.detail.S) <= _TEXT_CHARS_MAX else None,
    )


def _beginning(text: Text | None) -> Text | None:
    return Text(text.S[:_TEXT_CHARS_MAX]) if text is not None else None


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
