"""One table in memory: items by key, with DynamoDB's conditional writes."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from bench.servers.capacity import Meter, item_bytes
from bench.servers.expressions import Expression, Item
from bench.servers.http import Asked, Refused

# Two maps, so that a Query reads one partition of the delivery log and not all of it.
_Partition = dict[str, bytes]


class ConditionFailed(Exception):
    """`old`: the item as it stands, where the call asked for it."""

    def __init__(self, old: bytes | None) -> None:
        super().__init__("The conditional request failed")
        self.old = old


class Table:
    """Items are kept as JSON text, as they came and as they go: a log row is never taken apart.

    `meter`: what single writes and scans are billed, by the key's first word (`shard` of `shard#…`).
    """

    def __init__(self, name: str, partition: str, sort: str | None = None) -> None:
        self.name = name
        self.meter = Meter()
        self._partition = partition
        self._sort = sort
        self._items: dict[str, _Partition] = {}

    def __len__(self) -> int:
        return sum(len(partition) for partition in self._items.values())

    def keys(self) -> Iterator[tuple[str, str]]:
        for partition, items in self._items.items():
            for sort in items:
                yield partition, sort

    def get(self, key: Item) -> bytes | None:
        partition, sort = self._key(key)
        return self._items.get(partition, {}).get(sort)

    def store(self, partition: str, sort: str, item: bytes) -> None:
        self._items.setdefault(partition, {})[sort] = item

    def put(self, asked: Asked) -> None:
        old = self.get(asked["Item"])
        self._check(asked, asked["Item"], old)
        self.store(*self._key(asked["Item"]), msgspec.json.encode(asked["Item"]))
        self._bill(asked["Item"], old, asked["Item"])

    def update(self, asked: Asked) -> Item:
        """The item as it is afterwards."""
        old = self.get(asked["Key"])
        self._check(asked, asked["Key"], old)
        before: Item = asked["Key"] if old is None else msgspec.json.decode(old)
        after = Expression(asked["UpdateExpression"], asked).update()(before)
        self.store(*self._key(after), msgspec.json.encode(after))
        self._bill(after, old, after)
        return after

    def delete(self, asked: Asked) -> None:
        old = self.get(asked["Key"])
        self._check(asked, asked["Key"], old)
        self.remove(asked["Key"])
        self._bill(asked["Key"], old, {})

    def remove(self, key: Item) -> None:
        partition, sort = self._key(key)
        held = self._items.get(partition, {})
        held.pop(sort, None)
        if not held:
            self._items.pop(partition, None)

    def items(self) -> list[bytes]:
        return [item for partition in self._items.values() for item in partition.values()]

    def scan(self) -> list[bytes]:
        items = self.items()
        self.meter.read("scan", sum(map(_stored_bytes, items)))
        return items

    def query(self, asked: Asked) -> Iterator[bytes]:
        """By the table's own key; the partition's value is the one text among the values that is a partition."""
        matches = Expression(asked["KeyConditionExpression"], asked).condition()
        for value in asked["ExpressionAttributeValues"].values():
            for _sort, item in sorted(self._items.get(value.get("S", ""), {}).items()):
                if matches(msgspec.json.decode(item)):
                    yield item

    def _key(self, item: Item) -> tuple[str, str]:
        try:
            return item[self._partition]["S"], "" if self._sort is None else item[self._sort]["S"]
        except KeyError as missing:
            raise Refused("ValidationException", f"{self.name}: the key {missing} is missing") from None

    def _bill(self, key: Item, old: bytes | None, after: Item) -> None:
        kind = self._key(key)[0].partition("#")[0]
        self.meter.wrote(kind, 0 if old is None else _stored_bytes(old), item_bytes(after))

    def _check(self, asked: Asked, key: Item, old: bytes | None) -> None:
        """A write that is refused is billed as well."""
        text = asked.get("ConditionExpression")
        if text is None:
            return
        item: Item = {} if old is None else msgspec.json.decode(old)
        if not Expression(text, asked).condition()(item):
            self._bill(key, old, item)
            wanted = asked.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
            raise ConditionFailed(old if wanted else None)


def _stored_bytes(item: bytes) -> int:
    return item_bytes(msgspec.json.decode(item))
