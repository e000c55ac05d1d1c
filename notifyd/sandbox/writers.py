"""Puts the demo's world into the embedded AWS, each event stamped with the moment of its writing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from notifyd.errors import NotifydError
from notifyd.sandbox.clients import Clock, typed
from notifyd.sandbox.population import User
from notifyd.sandbox.world import DemoEvent

T = TypeVar("T")

_WRITE_ITEMS_MAX = 25
_PUT_RECORDS_MAX = 500
# What is refused is sent again this often, after 50 ms, 100 ms, …: about 13 s in all.
_ATTEMPTS_MAX = 8
_PAUSE_S = 0.05


class WriteRefused(NotifydError):
    """AWS went on refusing a part of what was to be written."""


async def write_users(dynamodb: Any, clock: Clock, *, contacts: str, settings: str, users: Sequence[User]) -> None:
    """Into the two tables named."""
    for part in _parts(users, _WRITE_ITEMS_MAX):
        for table, items in (
            (contacts, [user.contact for user in part if user.contact is not None]),
            (settings, [user.settings for user in part if user.settings is not None]),
        ):
            await _write_items(dynamodb, clock, table, items)


async def write_to_table(
    dynamodb: Any, clock: Clock, table: str, events: Sequence[DemoEvent], written: Callable[[int], None]
) -> dict[str, float]:
    """Into an events table; the moment (epoch seconds) at which each event was handed over, by its id."""
    produced_at_s: dict[str, float] = {}
    for part in _parts(events, _WRITE_ITEMS_MAX):
        now_s = clock.now_s()
        produced_at_s |= dict.fromkeys((event.event_id for event in part), now_s)
        await _write_items(dynamodb, clock, table, [_stamped(event, now_s) for event in part])
        written(len(produced_at_s))
    return produced_at_s


async def write_to_stream(
    kinesis: Any, clock: Clock, stream: str, events: Sequence[DemoEvent], written: Callable[[int], None]
) -> dict[str, float]:
    """Into a Kinesis stream; the moment (epoch seconds) at which each event was handed over, by its id."""
    produced_at_s: dict[str, float] = {}
    for part in _parts(events, _PUT_RECORDS_MAX):
        now_s = clock.now_s()
        produced_at_s |= dict.fromkeys((event.event_id for event in part), now_s)
        records = [{"Data": bytes_of(event, now_s), "PartitionKey": event.event_id} for event in part]
        for attempt in range(_ATTEMPTS_MAX):
            answer = await kinesis.put_records(StreamName=stream, Records=records)
            records = [
                record for record, result in zip(records, answer["Records"], strict=True) if "ErrorCode" in result
            ]
            if not records:
                break
            await clock.sleep(_PAUSE_S * 2**attempt)
        else:
            raise WriteRefused(f"stream {stream}: {len(records)} records were refused {_ATTEMPTS_MAX} times")
        written(len(produced_at_s))
    return produced_at_s


async def _write_items(dynamodb: Any, clock: Clock, table: str, items: Sequence[dict[str, Any]]) -> None:
    requests = [{"PutRequest": {"Item": typed(item)["M"]}} for item in items]
    for attempt in range(_ATTEMPTS_MAX):
        if not requests:
            return
        if attempt:
            await clock.sleep(_PAUSE_S * 2**attempt)
        answer = await dynamodb.batch_write_item(RequestItems={table: requests})
        requests = answer["UnprocessedItems"].get(table, [])
    if requests:
        raise WriteRefused(f"table {table}: {len(requests)} items were refused {_ATTEMPTS_MAX} times")


def _stamped(event: DemoEvent, now_s: float) -> dict[str, Any]:
    return event.envelope | {"time": datetime.fromtimestamp(now_s, UTC).isoformat()}


def bytes_of(event: DemoEvent, now_s: float) -> bytes:
    """The record that a Kinesis stream holds for an event written now."""
    return event.raw if event.raw is not None else json.dumps(_stamped(event, now_s)).encode()


def _parts(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (values[start : start + size] for start in range(0, len(values), size))
