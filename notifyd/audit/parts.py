"""What audit and replay have in common: a stretch's records, decoded, with what the ledger says of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import msgspec

from notifyd.audit.stretch import Stretch, StretchReader
from notifyd.core.catalog import Catalog, NotificationType
from notifyd.core.decode import Decoder
from notifyd.core.event import Decoded, Event
from notifyd.core.log_row import LogRow
from notifyd.core.reach import Reached, begins_at_s, reach_of
from notifyd.ports import Clock, DeliveryLog, Entropy, LeaseScan, Source

_QUERIES_IN_FLIGHT_MAX = 16


class AuditedSource(msgspec.Struct, frozen=True):
    source: Source
    decoder: Decoder
    record_age_max_s: float | None = None


class Matched(msgspec.Struct):
    """One record. `types` and `rows` only where it is an event that some type matches."""

    position: str
    reached: Reached
    before_start: bool
    decoded: Decoded
    types: tuple[NotificationType, ...] = ()
    rows: Sequence[LogRow] = ()


class Walk:
    """Reads the stretch of every shard, one after the other; `scan` was made before the first read."""

    def __init__(
        self, *, catalog: Catalog, delivery_log: DeliveryLog, scan: LeaseScan, clock: Clock, entropy: Entropy
    ) -> None:
        self._catalog = catalog
        self._log = delivery_log
        self._scan = scan
        self._clock = clock
        self._entropy = entropy

    async def parts(self, audited: AuditedSource, stretch: Stretch) -> AsyncIterator[list[Matched]]:
        """Raises AwsError or TransportError."""
        source = audited.source
        reader = StretchReader(source, self._clock, self._entropy)
        read_from_s, start_at_s = begins_at_s(self._scan.streams.get(source.name))
        for shard in await source.list_shards():
            reach = reach_of(self._scan.shards, source.name, shard.shard_id)
            async for records in reader.parts(shard.shard_id, stretch):
                mine = [record for record in records if record.arrival_s >= read_from_s]
                decoded = audited.decoder.decode(shard.shard_id, mine)
                yield await self.look_up(
                    [
                        Matched(
                            f"{source.name}/{shard.shard_id}/{record.position.text()}",
                            reach.of(record.position),
                            record.arrival_s < start_at_s,
                            result,
                        )
                        for record, result in zip(mine, decoded, strict=True)
                    ]
                )

    async def look_up(self, part: list[Matched]) -> list[Matched]:
        """Fills in the types and the log's rows. Raises AwsError or TransportError."""
        limit = asyncio.Semaphore(_QUERIES_IN_FLIGHT_MAX)

        async def look_up_one(entry: Matched, event: Event) -> None:
            async with limit:
                entry.rows = await self._log.rows_of_event(event.event_id)

        wanted = []
        for entry in part:
            if isinstance(entry.decoded, Event) and not entry.before_start:
                entry.types = self._catalog.matching(entry.decoded)
                if entry.types:
                    wanted.append(look_up_one(entry, entry.decoded))
        await asyncio.gather(*wanted)
        return part
