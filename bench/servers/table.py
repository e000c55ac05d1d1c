"""One table in memory: items by key, with DynamoDB's conditional writes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import msgspec

from bench.servers.capacity import Meter, item_bytes
from bench.servers.expressions import Item, matching, updated
from bench.servers.http import Asked, Refused

# Two maps, so that a Query reads one partition of the delivery log and not all of it.
_Partition = dict[str, bytes]


class ConditionFailed(Exception):
    """`old`: the item as it stands, where the call asked for it."""

    def __init__(self, old: bytes | None) -> None:
        super().__init__("The conditional request failed")
        self.old = old


class Table:
    """Items are kept as JSON text, as they go.

    `meter`: what single writes and scans are billed, by the key's first word (`shard` of `shard#…`).
    """

    def __init__(self, name: str, partition: str, sort: str | None = None) -> None:
        self.name = name
        self.meter = Meter()
        self._partition = partition
        self._sort = sort
        self._items: dict[str, _Partition] = {}

    def held(self) -> dict[str, _Partition]:
        """All items, by both parts of their key."""
        return self._items

    def get(self, key: Item) -> bytes | None:
        partition, sort = self._key(key)
        return self.held().get(partition, {}).get(sort)

    def put(self, asked: Asked) -> None:
        old = self.get(asked["Item"])
        self._check(asked, asked["Item"], old)
        self._replace(old, asked["Item"])

    def update(self, asked: Asked) -> Item:
        """The item as it is afterwards."""
        old = self.get(asked["Key"])
        self._check(asked, asked["Key"], old)
        after = updated(asked["Key"] if old is None else msgspec.json.decode(old), asked)
        self._replace(old, after)
        return after

    def delete(self, asked: Asked) -> None:
        key = asked["Key"]
        old = self.get(key)
        self._check(asked, key, old)
        self._bill(key, old, None)
        self.remove(key)

    def remove(self, key: Item) -> None:
        partition, sort = self._key(key)
        held = self.held().get(partition, {})
        held.pop(sort, None)
        if not held:
            self.held().pop(partition, None)

    def items(self) -> list[bytes]:
        return [item for partition in self.held().values() for item in partition.values()]

    def scan(self) -> list[bytes]:
        items = self.items()
        self.meter.read("scan", sum(map(_stored_bytes, items)))
        return items

    def query(self, asked: Asked) -> Iterator[bytes]:
        """By the table's own key; the partition's value is the one text among the values that is a partition."""
        matches = matching(asked, "KeyConditionExpression")
        for value in asked["ExpressionAttributeValues"].values():
            for _sort, item in sorted(self.held().get(value.get("S", ""), {}).items()):
                if matches(msgspec.json.decode(item)):
                    yield item

    def _key(self, item: Item) -> tuple[str, str]:
        try:
            return item[self._partition]["S"], "" if self._sort is None else item[self._sort]["S"]
        except KeyError as missing:
            raise Refused("ValidationException", f"{self.name}: the key {missing} is missing") from None

    def _replace(self, old: bytes | None, item: Item) -> None:
        partition, sort = self._key(item)
        self.held().setdefault(partition, {})[sort] = after = msgspec.json.encode(item)
        self._bill(item, old, after)

    def _bill(self, key: Item, old: bytes | None, after: bytes | None) -> None:
        self.meter.wrote(self._key(key)[0].partition("#")[0], _stored_bytes(old), _stored_bytes(after))

    def _check(self, asked: Asked, key: Item, old: bytes | None) -> None:
        """A write that is refused is billed as well."""
        if "ConditionExpression" not in asked:
            return
        item: Item = {} if old is None else msgspec.json.decode(old)
        if not matching(asked, "ConditionExpression")(item):
            self._bill(key, old, old)
            wanted = asked.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
            raise ConditionFailed(old if wanted else None)


# A written item's size is asked for again with the next write and with each scan.
@lru_cache(maxsize=4096)
def _stored_bytes(item: bytes | None) -> int:
    return 0 if item is None else item_bytes(msgspec.json.decode(item))
