"""The lease table on DynamoDB: heartbeats, streams and shards in one table, keyed by `key`."""

from __future__ import annotations

import base64
from functools import lru_cache
from typing import Any

import msgspec

from notifyd.aws.lease_items import (
    Item,
    heartbeat_item,
    n,
    parse_heartbeat,
    parse_shard,
    parse_stream,
    progress_values,
    s,
    shard_item,
    stream_item,
)
from notifyd.aws.operation import acknowledged, read_answer
from notifyd.core.lease import Heartbeat, ShardItem, StreamItem
from notifyd.core.sequence import ShardEnd, checkpoint_text
from notifyd.errors import AwsError, DamagedItem
from notifyd.ports import LeaseScan, ShardWrite
from notifyd.wire.aws_call import AwsService

_TARGET = "DynamoDB_20120810."
_REFUSED = "ConditionalCheckFailedException"


class _ScanAnswer(msgspec.Struct):
    Items: list[Item] = []
    LastEvaluatedKey: Item | None = None


class _UpdateAnswer(msgspec.Struct):
    Attributes: Item


class _RefusalAnswer(msgspec.Struct):
    Item: dict[str, dict[str, Any]] | None = None


_SCANNED = msgspec.json.Decoder(_ScanAnswer)
_UPDATED = msgspec.json.Decoder(_UpdateAnswer)


class DynamoDbLeaseTable:
    """Implements `ports.LeaseTable`. Reads are retried; of a write the ledger decides what a lost answer means."""

    def __init__(self, table: str, service: AwsService, *, timeout_s: float) -> None:
        self._table = table
        self._service = service
        self._timeout_s = timeout_s

    async def scan(self) -> LeaseScan:
        scan = LeaseScan(shards=[], heartbeats=[], streams={}, damaged=[])
        start: Item | None = None
        while True:
            body: dict[str, Any] = {"TableName": self._table, "ConsistentRead": True}
            if start is not None:
                body["ExclusiveStartKey"] = start
            answer = read_answer("Scan", await self._call("Scan", body, attempts_max=3), _SCANNED)
            for item in answer.Items:
                _sort_into(scan, item)
            if answer.LastEvaluatedKey is None:
                return scan
            start = answer.LastEvaluatedKey

    async def beat(self, heartbeat: Heartbeat) -> None:
        await self._write("PutItem", {"TableName": self._table, "Item": heartbeat_item(heartbeat)})

    async def remove_worker(self, worker_id: str) -> None:
        await self._write("DeleteItem", {"TableName": self._table, "Key": {"key": s(f"worker#{worker_id}")}})

    async def create_stream(self, item: StreamItem) -> bool:
        return await self._create(stream_item(item))

    async def create_shard(self, item: ShardItem) -> None:
        await self._create(shard_item(item))

    async def remove_shard(self, seen: ShardItem) -> None:
        body = {
            "TableName": self._table,
            "Key": {"key": s(seen.key)},
            "ConditionExpression": "#commit_id = :commit_id",
            "ExpressionAttributeNames": {"#commit_id": "commit_id"},
            "ExpressionAttributeValues": {":commit_id": s(seen.commit_id)},
        }
        await self._applied("DeleteItem", body)

    async def note_listing(self, source: str, listed: bytes) -> None:
        body = {
            "TableName": self._table,
            "Key": {"key": s(f"stream#{source}")},
            "UpdateExpression": "SET #listed = :listed",
            "ConditionExpression": "attribute_exists(#key)",
            "ExpressionAttributeNames": {"#listed": "listed", "#key": "key"},
            "ExpressionAttributeValues": {":listed": {"B": base64.b64encode(listed).decode()}},
        }
        await self._write("UpdateItem", body, attempts_max=3)

    async def take(self, seen: ShardItem, owner: str, commit_id: str) -> ShardItem | None:
        body = self._update(
            seen.key,
            values={
                "lease_owner": s(owner),
                "epoch": n(seen.epoch + 1),
                "commit_id": s(commit_id),
                "requested_by": s(""),
            },
            conditions={"epoch": n(seen.epoch), "commit_id": s(seen.commit_id)},
        )
        body["ReturnValues"] = "ALL_NEW"
        try:
            answer = await self._call("UpdateItem", body)
        except AwsError as error:
            if error.code != _REFUSED:
                raise
            standing = _standing(seen.key, error)
            return standing if standing.commit_id == commit_id else None
        return parse_shard(read_answer("UpdateItem", answer, _UPDATED).Attributes)

    async def request(self, seen: ShardItem, worker_id: str) -> bool:
        body = self._update(
            seen.key,
            values={"requested_by": s(worker_id)},
            conditions={"epoch": n(seen.epoch), "requested_by": s(seen.requested_by)},
        )
        return await self._applied("UpdateItem", body)

    async def lead(self, seen: StreamItem, worker_id: str) -> bool:
        body = self._update(
            f"stream#{seen.source}", values={"leader": s(worker_id)}, conditions={"leader": s(seen.leader)}
        )
        return await self._applied("UpdateItem", body)

    async def _applied(self, operation: str, body: dict[str, Any]) -> bool:
        try:
            await self._write(operation, body)
        except AwsError as error:
            if error.code != _REFUSED:
                raise
            return False
        return True

    async def write(self, write: ShardWrite) -> ShardItem | None:
        values = progress_values(write.progress)
        values["commit_id"] = s(write.commit_id)
        if write.finished:
            values["checkpoint"] = s(checkpoint_text(ShardEnd()))
        if write.release:
            values["lease_owner"] = s("")
        conditions = {
            "epoch": n(write.epoch),
            "lease_owner": s(write.owner),
            "commit_id": s(write.previous_commit_id),
        }
        try:
            await self._write("UpdateItem", self._update(write.key, values=values, conditions=conditions))
        except AwsError as error:
            if error.code != _REFUSED:
                raise
            return _standing(write.key, error)
        return None

    async def _create(self, item: Item) -> bool:
        body = {
            "TableName": self._table,
            "Item": item,
            "ConditionExpression": "attribute_not_exists(#key)",
            "ExpressionAttributeNames": {"#key": "key"},
        }
        return await self._applied("PutItem", body)

    def _update(self, key: str, *, values: Item, conditions: Item) -> dict[str, Any]:
        return {
            "TableName": self._table,
            "Key": {"key": s(key)},
            **_expressions(tuple(values), tuple(conditions)),
            "ExpressionAttributeValues": {
                **{f":{name}": value for name, value in values.items()},
                **{f":was_{name}": value for name, value in conditions.items()},
            },
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

    async def _write(self, operation: str, body: dict[str, Any], *, attempts_max: int = 1) -> None:
        """Only what DynamoDB itself acknowledged counts: who believes a proxy's page sends what is not claimed."""
        acknowledged(operation, await self._call(operation, body, attempts_max=attempts_max))

    async def _call(self, operation: str, body: dict[str, Any], *, attempts_max: int = 1) -> bytes:
        return await self._service.call(
            _TARGET + operation, msgspec.json.encode(body), timeout_s=self._timeout_s, attempts_max=attempts_max
        )


# The table's few kinds of update; a commit is one of two.
@lru_cache(maxsize=32)
def _expressions(values: tuple[str, ...], conditions: tuple[str, ...]) -> dict[str, Any]:
    return {
        "UpdateExpression": "SET " + ", ".join(f"#{name} = :{name}" for name in values),
        "ConditionExpression": " AND ".join(f"#{name} = :was_{name}" for name in conditions),
        # The same bytes in every commit, and a third of what there is to encode.
        "ExpressionAttributeNames": msgspec.Raw(
            msgspec.json.encode({f"#{name}": name for name in (*values, *conditions)})
        ),
    }


def _sort_into(scan: LeaseScan, item: Item) -> None:
    key = item["key"]["S"]
    try:
        if key.startswith("worker#"):
            scan.heartbeats.append(parse_heartbeat(item))
        elif key.startswith("stream#"):
            stream = parse_stream(item)
            scan.streams[stream.source] = stream
        else:
            scan.shards.append(parse_shard(item))
    except DamagedItem as damage:
        scan.damaged.append(damage)


def _standing(key: str, error: AwsError) -> ShardItem:
    item = msgspec.json.decode(error.body, type=_RefusalAnswer).Item
    if item is None:
        raise DamagedItem(key, "the item is gone; `notifyd leases repair` brings it back from the delivery log")
    return parse_shard(item)
