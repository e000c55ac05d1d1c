"""The delivery log on DynamoDB: rows appended by BatchWriteItem, found by Query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from notifyd.aws.log_items import ITEM_BYTES_MAX, Item, item_of, parse_row, within_bounds
from notifyd.aws.operation import acknowledged, read_answer
from notifyd.core.log_row import LogRow, RowKind
from notifyd.errors import AwsError, NoAnswer, Throttled
from notifyd.ports import Clock, Entropy
from notifyd.wire.aws_call import AwsService

_TARGET = "DynamoDB_20120810."
_ROWS_MAX = 25  # BatchWriteItem's most
_ROUNDS_MAX = 6
_BACKOFF_BASE_S = 0.05


class _Put(msgspec.Struct, rename="pascal", gc=False):
    item: Item


class _Write(msgspec.Struct, rename="pascal", gc=False):
    put_request: _Put


class _Written(msgspec.Struct, rename="pascal"):
    unprocessed_items: dict[str, list[msgspec.Raw]] = {}


class _Found(msgspec.Struct, rename="pascal"):
    items: list[dict[str, dict[str, Any]]] = []
    last_evaluated_key: dict[str, dict[str, Any]] | None = None


class _Refused(msgspec.Struct):
    Item: dict[str, dict[str, Any]] | None = None


_WRITTEN = msgspec.json.Decoder(_Written)
_FOUND = msgspec.json.Decoder(_Found)


class DynamoDbDeliveryLog:
    """Implements `ports.DeliveryLog`. Appending is idempotent: a row's key says all that tells it apart."""

    def __init__(
        self, table: str, service: AwsService, *, clock: Clock, entropy: Entropy, timeout_s: float
    ) -> None:
        self._table = table
        self._service = service
        self._clock = clock
        self._entropy = entropy
        self._timeout_s = timeout_s

    async def append(self, rows: Sequence[LogRow]) -> None:
        """Raises Throttled when some are still unprocessed after a few rounds; what was written stays written."""
        for body in self._bodies(rows):
            await self._write(body)

    def _bodies(self, rows: Sequence[LogRow]) -> list[bytes]:
        """Nothing but bytes is left of the items while they are on their way: they are ten objects a row."""
        # BatchWriteItem refuses a whole call in which a key stands twice.
        folded = {(row.event_id, key): (row, key) for row in rows for key in (row.row,)}
        items = [item_of(row, key) for row, key in folded.values()]
        return [self._fitting(items[start : start + _ROWS_MAX]) for start in range(0, len(items), _ROWS_MAX)]

    def _fitting(self, items: Sequence[Item]) -> bytes:
        """A call that is no longer than an item may be holds none that is."""
        body = self._body([_Write(_Put(item)) for item in items])
        if len(body) <= ITEM_BYTES_MAX:
            return body
        return self._body([_Write(_Put(within_bounds(item))) for item in items])

    def _body(self, requests: Sequence[_Write] | Sequence[msgspec.Raw]) -> bytes:
        return msgspec.json.encode({"RequestItems": {self._table: requests}})

    async def _write(self, body: bytes) -> None:
        left_over: list[msgspec.Raw] = []
        for made in range(_ROUNDS_MAX):
            if made:
                await self._clock.sleep(self._entropy.fraction() * _BACKOFF_BASE_S * 2.0**made)
            answer = await self._call("BatchWriteItem", body, attempts_max=2)
            left_over = read_answer("BatchWriteItem", answer, _WRITTEN).unprocessed_items.get(self._table, [])
            if not left_over:
                return
            body = self._body(left_over)
        raise Throttled("BatchWriteItem", "UnprocessedItems", f"{len(left_over)} rows left over", status=200)

    async def claim_attempt(self, row: LogRow, until_s: float) -> LogRow | None:
        """The key `delivery_id#attempt#claim` is raced for by a conditional put."""
        if row.kind is not RowKind.CLAIM:
            raise ValueError(f"{row.row} is no claim")
        claim = msgspec.structs.replace(row, detail={"until_s": until_s, **(row.detail or {})})
        body = msgspec.json.encode(
            {
                "TableName": self._table,
                "Item": within_bounds(item_of(claim, claim.row)),
                "ConditionExpression": "attribute_not_exists(#row)",
                "ExpressionAttributeNames": {"#row": "row"},
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        )
        try:
            acknowledged("PutItem", await self._call("PutItem", body))
        except AwsError as error:
            if error.code != "ConditionalCheckFailedException":
                raise
            standing = msgspec.json.decode(error.body, type=_Refused).Item
            if standing is None:
                raise NoAnswer(f"PutItem: {row.row} was refused without the item that stands") from error
            return parse_row(standing)
        return None

    async def rows_of_event(self, event_id: str) -> list[LogRow]:
        return await self._query({"#key": "event_id"}, {":key": {"S": event_id}}, consistent=True)

    async def rows_of_delivery(self, event_id: str, delivery_id: str) -> list[LogRow]:
        return await self._query(
            {"#key": "event_id", "#row": "row"},
            {":key": {"S": event_id}, ":row": {"S": f"{delivery_id}#"}},
            condition="#key = :key AND begins_with(#row, :row)",
            consistent=True,
        )

    async def rows_of_user(self, user_id: str, since_s: float = 0.0) -> list[LogRow]:
        """By the index `by_user`, where config's `log.indexes` holds `user`; eventually consistent."""
        return await self._query(
            {"#key": "user_id", "#at": "at"},
            {":key": {"S": user_id}, ":at": {"N": repr(since_s)}},
            condition="#key = :key AND #at >= :at",
            index="by_user",
        )

    async def rows_by_delivery(self, delivery_id: str) -> list[LogRow]:
        """By the index `by_delivery`: for who knows the delivery alone."""
        return await self._query({"#key": "delivery_id"}, {":key": {"S": delivery_id}}, index="by_delivery")

    async def rows_at(self, shard: str, sequence: str) -> list[LogRow]:
        """By the index `by_position`; `shard` is `<source>/<shard id>`."""
        return await self._query(
            {"#key": "shard", "#sequence": "sequence"},
            {":key": {"S": shard}, ":sequence": {"S": sequence}},
            condition="#key = :key AND #sequence = :sequence",
            index="by_position",
        )

    async def _query(
        self,
        names: dict[str, str],
        values: dict[str, dict[str, str]],
        *,
        condition: str = "#key = :key",
        consistent: bool = False,
        index: str | None = None,
    ) -> list[LogRow]:
        body: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": condition,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values,
            "ConsistentRead": consistent,
        }
        if index is not None:
            body["IndexName"] = index
        rows: list[LogRow] = []
        while True:
            answer = await self._call("Query", msgspec.json.encode(body), attempts_max=3)
            found = read_answer("Query", answer, _FOUND)
            rows += [parse_row(item) for item in found.items]
            if found.last_evaluated_key is None:
                return rows
            body["ExclusiveStartKey"] = found.last_evaluated_key

    async def _call(self, operation: str, body: bytes, *, attempts_max: int = 1) -> bytes:
        return await self._service.call(
            _TARGET + operation, body, timeout_s=self._timeout_s, attempts_max=attempts_max
        )
