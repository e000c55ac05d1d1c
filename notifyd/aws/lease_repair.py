"""Damaged items of the lease table: read as far as they can be, and replaced where nobody touched them since."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import msgspec

from notifyd.aws.lease_items import Item, s, shard_item
from notifyd.aws.operation import read_answer
from notifyd.core.lease import ShardItem
from notifyd.core.repair import Left
from notifyd.core.sequence import parse_checkpoint
from notifyd.errors import AwsError
from notifyd.wire.aws_call import AwsService

_TARGET = "DynamoDB_20120810."
# What moves when anybody writes to the item.
_WATCHED = ("epoch", "lease_owner", "commit_id", "format", "checkpoint", "claimed", "unsettled")

T = TypeVar("T")


class _Got(msgspec.Struct):
    Item: dict[str, dict[str, Any]] | None = None


_GOT = msgspec.json.Decoder(_Got)


class DynamoDbLeaseRepair:
    """Implements what `leases repair` needs beside `ports.LeaseTable`."""

    def __init__(self, table: str, service: AwsService, *, timeout_s: float) -> None:
        self._table = table
        self._service = service
        self._timeout_s = timeout_s

    async def read(self, key: str) -> tuple[Left, Item | None]:
        """What is left of the item, and the item as it came: `replace` wants it back."""
        body = {"TableName": self._table, "Key": {"key": s(key)}, "ConsistentRead": True}
        item = read_answer("GetItem", await self._call("GetItem", body, attempts_max=3), _GOT).Item
        return (left_of(item) if item is not None else Left()), item

    async def replace(self, item: ShardItem, seen: Item | None) -> bool:
        """False: somebody else has written to it meanwhile."""
        body: dict[str, Any] = {"TableName": self._table, "Item": shard_item(item), **_as_seen(seen)}
        try:
            await self._call("PutItem", body)
        except AwsError as error:
            if error.code != "ConditionalCheckFailedException":
                raise
            return False
        return True

    async def _call(self, operation: str, body: dict[str, Any], *, attempts_max: int = 1) -> bytes:
        return await self._service.call(
            _TARGET + operation, msgspec.json.encode(body), timeout_s=self._timeout_s, attempts_max=attempts_max
        )


def left_of(item: Item) -> Left:
    """Each attribute by itself: one that is damaged takes nothing else with it."""
    epoch = _read(lambda: int(item["epoch"]["N"]), None)
    owner = _read(lambda: str(item["lease_owner"]["S"]), "")
    commit_id = _read(lambda: str(item["commit_id"]["S"]), "")
    return Left(
        writer=owner if epoch is not None and commit_id else "",
        epoch=epoch or 0,
        checkpoint=_read(lambda: parse_checkpoint(item["checkpoint"]["S"]), None),
        checkpoint_arrival_s=_read(lambda: float(item["checkpoint_arrival"]["N"]), 0.0),
        accounted=_read(lambda: {name: int(value["N"]) for name, value in item["accounted"]["M"].items()}, {}),
        children=_read(lambda: tuple(str(child["S"]) for child in item["child_shards"]["L"]), ()),
    )


def _read(build: Callable[[], T], default: T) -> T:
    with suppress(KeyError, ValueError, TypeError, AttributeError):
        return build()
    return default


def _as_seen(seen: Item | None) -> dict[str, Any]:
    """The condition that the item is still what was read."""
    if seen is None:
        return {
            "ConditionExpression": "attribute_not_exists(#key)",
            "ExpressionAttributeNames": {"#key": "key"},
        }
    tests = [f"#{name} = :{name}" if name in seen else f"attribute_not_exists(#{name})" for name in _WATCHED]
    condition = {
        "ConditionExpression": " AND ".join(tests),
        "ExpressionAttributeNames": {f"#{name}": name for name in _WATCHED},
    }
    values = {f":{name}": seen[name] for name in _WATCHED if name in seen}
    return condition | ({"ExpressionAttributeValues": values} if values else {})
