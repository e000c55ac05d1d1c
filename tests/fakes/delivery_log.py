"""The delivery log in memory."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from notifyd.core.log_row import LogRow, RowKind
from tests.fakes.faults import Faults


class FakeDeliveryLog:
    """`rows` in the order of writing. `appended` counts each row that a call brought, repeats included."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.appended: list[LogRow] = []
        self._rows: dict[tuple[str, str], LogRow] = {}

    @property
    def rows(self) -> list[LogRow]:
        return list(self._rows.values())

    def of_kind(self, *kinds: RowKind) -> list[LogRow]:
        return [row for row in self._rows.values() if row.kind in kinds]

    async def append(self, rows: Sequence[LogRow]) -> None:
        def write() -> None:
            self.appended.extend(rows)
            self._rows.update({(row.event_id, row.row): row for row in rows})

        await self.faults.call("append", write)

    async def claim_attempt(self, row: LogRow, until_s: float) -> LogRow | None:
        if row.kind is not RowKind.CLAIM:
            raise ValueError(f"{row.row} is no claim")

        def claim() -> LogRow | None:
            key = (row.event_id, row.row)
            if key in self._rows:
                return self._rows[key]
            self._rows[key] = msgspec.structs.replace(row, detail={"until_s": until_s, **(row.detail or {})})
            return None

        return await self.faults.call("claim_attempt", claim)

    async def rows_of_event(self, event_id: str) -> list[LogRow]:
        return await self.faults.call(
            "rows_of_event", lambda: [row for row in self._rows.values() if row.event_id == event_id]
        )
