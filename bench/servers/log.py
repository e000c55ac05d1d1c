"""The delivery log: calls are checked and counted at once, and taken apart when somebody asks for rows."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator

import msgspec

from bench.servers.capacity import item_bytes, row_units
from bench.servers.http import Refused
from bench.servers.table import Table

BATCH_WRITE_MAX = 25


class _Text(msgspec.Struct, gc=False):
    S: str


class _Key(msgspec.Struct, gc=False):
    event_id: _Text
    row: _Text


class _Put(msgspec.Struct, gc=False):
    Item: _Key


class _Write(msgspec.Struct, gc=False):
    PutRequest: _Put


class _Writes(msgspec.Struct, gc=False):
    RequestItems: dict[str, list[_Write]]


class _Item(msgspec.Struct, gc=False):
    Item: msgspec.Raw


class _Row(msgspec.Struct, gc=False):
    PutRequest: _Item


class _Rows(msgspec.Struct, gc=False):
    RequestItems: dict[str, list[_Row]]


_WRITES = msgspec.json.Decoder(_Writes)
_ROWS = msgspec.json.Decoder(_Rows)
_KEY = msgspec.json.Decoder(_Key)


class Log(Table):
    """`kinds`: rows since it was cleared, by kind; `copies`: of each row, which the table and its indexes keep."""

    def __init__(self, name: str, copies: int) -> None:
        super().__init__(name, "event_id", "row")
        self.kinds: Counter[str] = Counter()
        self._copies = copies
        self._kinds_before: Counter[str] = Counter()
        self._units: Counter[str] = Counter()
        self._written: deque[bytes] = deque()

    def write(self, body: bytes) -> None:
        """A BatchWriteItem."""
        written = _WRITES.decode(body).RequestItems
        if sum(map(len, written.values())) > BATCH_WRITE_MAX:
            raise Refused("ValidationException", "Too many items in the BatchWriteItem call")
        for name in written:
            if name != self.name:
                raise Refused("ResourceNotFoundException", f"no table {name} for batches")
        items = [write.PutRequest.Item for write in written[self.name]]
        if len({(item.event_id.S, item.row.S) for item in items}) < len(items):
            raise Refused("ValidationException", "Provided list of item keys contains duplicates")
        self.kinds.update([item.row.S.split("#", 3)[2] for item in items])
        self._written.append(body)

    def kinds_ever(self, kind: str) -> int:
        return self._kinds_before[kind] + self.kinds[kind]

    def clear(self) -> None:
        """The counts; the rows stay."""
        self.held()
        self._kinds_before += self.kinds
        self.kinds.clear()
        self._units.clear()

    def held(self) -> dict[str, dict[str, bytes]]:
        while self._written:
            self._take_apart(_ROWS.decode(self._written.popleft()).RequestItems[self.name])
        return super().held()

    def keys(self) -> Iterator[tuple[str, str]]:
        for event, rows in self.held().items():
            for row in rows:
                yield event, row

    def units(self) -> dict[str, float]:
        """What the batches were billed since it was cleared, and of how many bytes they are."""
        self.held()
        return dict(self._units)

    def _take_apart(self, writes: list[_Row]) -> None:
        held = super().held()
        for write in writes:
            row = bytes(write.PutRequest.Item)
            key = _KEY.decode(row)
            held.setdefault(key.event_id.S, {})[key.row.S] = row
            self._units["log written"] += row_units(row, self._copies)
        # One of a call's rows is as long as another; all of them would take as long as serving them.
        self._units["log bytes"] += len(writes) * item_bytes(msgspec.json.decode(writes[0].PutRequest.Item))
