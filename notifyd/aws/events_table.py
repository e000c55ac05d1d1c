"""A table of events, walked at a bounded rate."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, TypeVar

import msgspec

from notifyd.aws.operation import read_answer
from notifyd.core.event import Record
from notifyd.core.sequence import Position
from notifyd.ports import Clock
from notifyd.wire.aws_call import AwsService

_TARGET = "DynamoDB_20120810."
_ITEMS_MAX = 100

A = TypeVar("A")


class _Key(msgspec.Struct, rename="pascal"):
    attribute_name: str


class _Table(msgspec.Struct, rename="pascal"):
    key_schema: list[_Key]


class _Described(msgspec.Struct, rename="pascal"):
    table: _Table


class _Scanned(msgspec.Struct, rename="pascal"):
    items: list[dict[str, msgspec.Raw]] = []
    last_evaluated_key: dict[str, dict[str, Any]] | None = None


_DESCRIBED = msgspec.json.Decoder(_Described)
_SCANNED = msgspec.json.Decoder(_Scanned)


class EventsTable:
    def __init__(self, table: str, service: AwsService, clock: Clock, *, timeout_s: float) -> None:
        self._table = table
        self._service = service
        self._clock = clock
        self._timeout_s = timeout_s

    async def pages(self, position: Position, *, items_per_s: float) -> AsyncIterator[list[Record]]:
        """Each item as the stream would show its insertion, at `position`. Raises AwsError or TransportError."""
        described = await self._ask("DescribeTable", {"TableName": self._table}, _DESCRIBED)
        keys = [key.attribute_name for key in described.table.key_schema]
        body: dict[str, Any] = {"TableName": self._table, "Limit": _ITEMS_MAX}
        while True:
            page = await self._ask("Scan", body, _SCANNED)
            yield [_inserted(item, keys, position) for item in page.items]
            if page.last_evaluated_key is None:
                return
            body["ExclusiveStartKey"] = page.last_evaluated_key
            await self._clock.sleep(len(page.items) / items_per_s)

    async def _ask(self, operation: str, body: dict[str, Any], answers: msgspec.json.Decoder[A]) -> A:
        came = await self._service.call(
            _TARGET + operation, msgspec.json.encode(body), timeout_s=self._timeout_s, attempts_max=3
        )
        return read_answer(operation, came, answers)


def _inserted(item: dict[str, msgspec.Raw], keys: list[str], position: Position) -> Record:
    change = {
        "eventName": "INSERT",
        "dynamodb": {
            "Keys": {name: item[name] for name in keys},
            "NewImage": item,
            "SequenceNumber": position.sequence,
        },
    }
    return Record(position, 0.0, msgspec.Raw(msgspec.json.encode(change)))
