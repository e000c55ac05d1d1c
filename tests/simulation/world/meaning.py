"""What a delivery is for, whatever it is called: event, user, type and channel."""

from __future__ import annotations

from collections.abc import Iterator

from notifyd.core.channel import Channel
from notifyd.core.log_row import LogRow

Meaning = tuple[str, str, str, Channel]

TYPES_OF = {
    "paid": ("paid",),
    "held": ("held",),
    "asked": ("asked",),
    "double": ("first", "second"),
    "both": ("both",),
}
_BOTH = (Channel.EMAIL, Channel.PUSH_IOS)


def channels_of(type_name: str) -> tuple[Channel, ...]:
    return _BOTH if type_name == "both" else (Channel.EMAIL,)


def meanings(event_id: str, user_ids: list[str], detail_type: str) -> Iterator[Meaning]:
    for user_id in user_ids:
        for type_name in TYPES_OF[detail_type]:
            for channel in channels_of(type_name):
                yield event_id, user_id, type_name, channel


def is_of_all_channels(row: LogRow) -> bool:
    """Without a channel, or of a filter, which is asked once for all of them before anything is tried."""
    return row.channel is None or (row.reason == "filter_raised" and not row.attempt)


def meanings_of(row: LogRow) -> list[Meaning]:
    """What a row speaks for."""
    channels = channels_of(row.type_name) if row.channel is None or is_of_all_channels(row) else (row.channel,)
    return [(row.event_id, row.user_id, row.type_name, channel) for channel in channels]
