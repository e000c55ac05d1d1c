"""Facts out of a DynamoDB table: a key's whole item, as plain values."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from notifyd.core.dynamodb_json import Item, WrongItem, plain_item
from notifyd.core.unreadable import UNREADABLE
from notifyd.errors import ConfigError, Fault, NoAnswer
from notifyd.ports import Clock, Entropy
from notifyd.wire.batch_get import KEYS_MAX, AwsCaller, BatchGet, Table
from notifyd.wire.read_through import Fetched


class TableFacts:
    """A FactSource. Of an item that cannot be read, the key failed."""

    keys_max = KEYS_MAX

    def __init__(
        self, caller: AwsCaller, table: Table, *, clock: Clock, entropy: Entropy, deadline_s: float
    ) -> None:
        self._table = table
        self._items = BatchGet(
            caller, (table,), Item, clock=clock, entropy=entropy, call_timeout_s=deadline_s, deadline_s=deadline_s
        )

    async def read(self, keys: Sequence[str]) -> Fetched[object]:
        name = self._table.name
        got = await self._items.get({name: keys})
        items = {item[self._table.key].S: item for item in got.items[name]}
        found: dict[str, object] = {}
        for key in set(keys) - got.unread.get(name, set()):
            try:
                found[key] = _plain(items.get(key))
            except WrongItem:
                continue
        return Fetched(found, got.failure)


async def find_table(caller: AwsCaller, name: str) -> Table:
    """The table with its own key.

    Raises:
        ConfigError: its key is not one that an event's text can be looked up by.
        AwsError, TransportError: it could not be described.
    """
    body = msgspec.json.encode({"TableName": name})
    answer = await caller.call("DynamoDB_20120810.DescribeTable", body, attempts_max=3)
    try:
        described = msgspec.json.decode(answer, type=_DescribeTableAnswer).table
    except UNREADABLE as unreadable:
        raise NoAnswer(f"DescribeTable: unreadable answer of {len(answer)} bytes") from unreadable
    types = {each.attribute_name: each.attribute_type for each in described.attribute_definitions}
    keys = [element.attribute_name for element in described.key_schema]
    if len(keys) != 1 or types[keys[0]] != "S":
        has = " and ".join(f"{key} ({types[key]})" for key in keys)
        what = f"its key is {has}"
        raise ConfigError([Fault(f"table {name}", what, "look up in a table whose key is one string attribute")])
    return Table(name, keys[0])


def _plain(item: Item | None) -> object:
    """Raises WrongItem."""
    return None if item is None else plain_item(item)


class _KeyElement(msgspec.Struct, rename="pascal"):
    attribute_name: str


class _Definition(msgspec.Struct, rename="pascal"):
    attribute_name: str
    attribute_type: str


class _Table(msgspec.Struct, rename="pascal"):
    key_schema: list[_KeyElement]
    attribute_definitions: list[_Definition]


class _DescribeTableAnswer(msgspec.Struct, rename="pascal"):
    table: _Table
