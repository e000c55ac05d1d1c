"""A stretch of a stream, read a second time beside the daemon."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import msgspec

from notifyd.core.event import Record
from notifyd.core.sequence import AtTimestamp, Checkpoint, TrimHorizon
from notifyd.errors import AwsError, TransportError, TrimmedData
from notifyd.ports import Clock, Entropy, Page, ShardReader, Source

PART_RECORDS = 100
# 5 reads a second are allowed on a Kinesis shard, for everybody together: the daemon keeps most of them.
_READ_INTERVAL_S = 0.5
# An open shard of DynamoDB Streams may answer with empty pages in a row while it holds more.
_EMPTY_PAGES_MAX = 10
_EMPTY_PAUSE_S = 0.1
_FAILURES_MAX = 8
_BACKOFF_BASE_S = 0.5


class Stretch(msgspec.Struct, frozen=True):
    """Records that arrived from `from_s` to before `to_s` (epoch seconds), and from a sequence number on.

    DynamoDB Streams rounds arrivals down to the second. `from_sequence` is compared in each shard.
    """

    from_s: float
    to_s: float
    from_sequence: int | None = None

    def holds(self, record: Record) -> bool:
        if not self.from_s <= record.arrival_s < self.to_s:
            return False
        return self.from_sequence is None or int(record.position.sequence) >= self.from_sequence


class StretchReader:
    """Reads a shard from the stretch's start to its end, or to where the shard is read out."""

    def __init__(self, source: Source, clock: Clock, entropy: Entropy) -> None:
        self._source = source
        self._clock = clock
        self._entropy = entropy

    async def parts(self, shard_id: str, stretch: Stretch) -> AsyncIterator[list[Record]]:
        """Up to 100 records at a time, in order. Raises AwsError or TransportError when it goes on failing."""
        async for page in self._pages(shard_id, self._start(stretch)):
            for part in _split([record for record in page.records if stretch.holds(record)]):
                yield part
            if page.records and page.records[-1].arrival_s >= stretch.to_s:
                return

    async def after(self, shard_id: str, start: Checkpoint) -> AsyncIterator[list[Record]]:
        """All that the shard holds behind `start` now."""
        async for page in self._pages(shard_id, start):
            for part in _split(page.records):
                yield part

    def _start(self, stretch: Stretch) -> Checkpoint:
        """A service that knows no time to start from is read from its horizon."""
        resolved = self._source.resolve_latest(stretch.from_s)
        return AtTimestamp(stretch.from_s) if isinstance(resolved, AtTimestamp) else TrimHorizon()

    async def _pages(self, shard_id: str, start: Checkpoint) -> AsyncIterator[Page]:
        reader = self._source.reader(shard_id, start)
        empty = 0
        while True:
            try:
                page = await self._read(reader)
            except TrimmedData:  # what is gone cannot be read again; the daemon has told of it
                reader = self._source.reader(shard_id, TrimHorizon())
                continue
            yield page
            empty = 0 if page.records else empty + 1
            if page.ended or (page.caught_up and page.behind_s == 0.0) or empty == _EMPTY_PAGES_MAX:
                return
            pause_s = _READ_INTERVAL_S if page.records else _EMPTY_PAUSE_S
            await self._clock.sleep(max(page.next_read_s, pause_s))

    async def _read(self, reader: ShardReader) -> Page:
        for failed in range(_FAILURES_MAX):
            try:
                return await reader.read()
            except (AwsError, TransportError):
                await self._clock.sleep(self._entropy.fraction() * _BACKOFF_BASE_S * 2.0**failed)
        return await reader.read()


def _split(records: list[Record]) -> Iterator[list[Record]]:
    for start in range(0, len(records), PART_RECORDS):
        yield records[start : start + PART_RECORDS]
