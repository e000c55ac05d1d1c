"""DynamoDB tables in memory behind AwsService.call, as far as BatchGetItem goes, with its refusals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from notifyd.core.dynamodb_json import typed_item
from notifyd.errors import AwsError, NotifydError
from notifyd.ports import Clock

Leaves = Callable[[str], bool]


class FakeTables:
    """`tables`: name → items, plain. `asked` holds the keys of each call, as (table, key).

    `leaves`: the keys that an answer leaves unprocessed. `failures`: raised in turn, None for a call that works.
    `lagging`: keys by table that only a strongly consistent read sees.
    """

    def __init__(
        self, tables: Mapping[str, Sequence[Mapping[str, Any]]], *, key: str, clock: Clock, latency_s: float = 0.0
    ) -> None:
        self.tables = {name: {str(item[key]): dict(item) for item in items} for name, items in tables.items()}
        self.lagging: dict[str, set[str]] = {}
        self.leaves: Leaves = lambda _: False
        self.failures: list[NotifydError | None] = []
        self.asked: list[list[tuple[str, str]]] = []
        self.timeouts_s: list[float] = []
        self._key = key
        self._clock = clock
        self._latency_s = latency_s

    async def call(
        self, operation_target: str, body: bytes, *, timeout_s: float = 5.0, attempts_max: int = 1
    ) -> bytes:
        assert operation_target == "DynamoDB_20120810.BatchGetItem"
        assert attempts_max == 1, "the caller asks again, for what is left over only"
        request = msgspec.json.decode(body)["RequestItems"]
        self.asked.append([(table, key) for table in request for key in self._keys(request[table])])
        self.timeouts_s.append(timeout_s)
        await self._clock.sleep(self._latency_s)
        if self.failures and (failure := self.failures.pop(0)):
            raise failure
        self._refuse_what_dynamodb_refuses(request)
        answered: dict[str, list[Any]] = {}
        left: dict[str, Any] = {}
        for table, asked in request.items():
            keys = self._keys(asked)
            leave = [key for key in keys if self.leaves(key)]
            answered[table] = [
                self._projected(asked, self.tables[table][key])
                for key in keys
                if key not in leave and self._visible(table, key, asked)
            ]
            if leave:
                left[table] = {**asked, "Keys": [{self._key: {"S": key}} for key in leave]}
        return msgspec.json.encode({"Responses": answered, "UnprocessedKeys": left})

    def _keys(self, asked: Mapping[str, Any]) -> list[str]:
        return [key[self._key]["S"] for key in asked["Keys"]]

    def _visible(self, table: str, key: str, asked: Mapping[str, Any]) -> bool:
        lags = key in self.lagging.get(table, ()) and not asked.get("ConsistentRead")
        return key in self.tables[table] and not lags

    def _projected(self, asked: Mapping[str, Any], item: Mapping[str, Any]) -> dict[str, Any]:
        if "ProjectionExpression" not in asked:
            return typed_item(dict(item))
        names = [asked["ExpressionAttributeNames"][name] for name in asked["ProjectionExpression"].split(",")]
        return typed_item({name: item[name] for name in names if name in item})

    def _refuse_what_dynamodb_refuses(self, request: Mapping[str, Any]) -> None:
        keys = [(table, key) for table, asked in request.items() for key in self._keys(asked)]
        if not 0 < len(keys) <= 100:
            raise _validation(f"{len(keys)} keys")
        if len(set(keys)) < len(keys):
            raise _validation("Provided list of item keys contains duplicates")
        if any(not 0 < len(key.encode()) <= 2048 for _, key in keys):
            raise _validation("One or more parameter values are not valid")


def _validation(message: str) -> AwsError:
    return AwsError("BatchGetItem", "ValidationException", message, status=400)
