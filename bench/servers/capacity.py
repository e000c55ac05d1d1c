"""What DynamoDB bills for a call: units by the real size of the item, as AWS counts its bytes."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from bench.servers.expressions import Item

_WRITE_UNIT_BYTES = 1024
_READ_UNIT_BYTES = 4096
# Of a list or a map; one more for each member.
_NESTED_BYTES = 3


def item_bytes(item: Item) -> int:
    """Names and values."""
    return sum(_text_bytes(name) + _value_bytes(value) for name, value in item.items())


def _text_bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _value_bytes(value: dict[str, Any]) -> int:
    kind, inside = next(iter(value.items()))
    match kind:
        case "S":
            return _text_bytes(inside)
        case "N":
            return (len(inside.strip("-").replace(".", "").strip("0")) + 1) // 2 + 1
        case "B":
            return len(base64.b64decode(inside))
        case "L":
            return _NESTED_BYTES + sum(1 + _value_bytes(one) for one in inside)
        case "M":
            return _NESTED_BYTES + sum(1 + _text_bytes(name) + _value_bytes(one) for name, one in inside.items())
        case _:  # BOOL and NULL
            return 1


def write_units(before_bytes: int, after_bytes: int) -> int:
    """One for each started KiB of the whole item, as it was or as it is: whichever is larger."""
    return max(1, -(-max(before_bytes, after_bytes) // _WRITE_UNIT_BYTES))


def read_units(size_bytes: int) -> int:
    """Of one strongly consistent call: one for each started 4 KiB of all that it read."""
    return max(1, -(-size_bytes // _READ_UNIT_BYTES))


def row_units(row: bytes, copies: int) -> int:
    """To write a new one, which every index copies. As JSON it is longer than as DynamoDB counts it, so that most
    need not be taken apart.
    """
    size_bytes = len(row) if len(row) <= _WRITE_UNIT_BYTES else item_bytes(msgspec.json.decode(row))
    return copies * write_units(0, size_bytes)


def batch_read_units(items: Sequence[bytes], *, consistent: bool) -> float:
    """Each for itself, half where it may be a moment old. As JSON it is longer, so that most count as they are."""
    large = [item for item in items if len(item) > _READ_UNIT_BYTES]
    units = len(items) - len(large) + sum(read_units(item_bytes(msgspec.json.decode(item))) for item in large)
    return units if consistent else units / 2


class Meter:
    """Units by what was written or read, and the largest item written."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self._written: Counter[str] = Counter()
        self._read: Counter[str] = Counter()
        self._item_bytes_max = 0

    def wrote(self, what: str, before_bytes: int, after_bytes: int) -> None:
        self._written[what] += write_units(before_bytes, after_bytes)
        self._item_bytes_max = max(self._item_bytes_max, after_bytes)

    def read(self, what: str, size_bytes: int) -> None:
        self._read[what] += read_units(size_bytes)

    def said(self) -> dict[str, Any]:
        return {
            "write_units": dict(self._written),
            "read_units": dict(self._read),
            "item_bytes_max": self._item_bytes_max,
        }
