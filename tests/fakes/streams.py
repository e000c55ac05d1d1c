"""A change stream in memory, with the reshards, trims and refusals a test asks for."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

from notifyd.core.event import Record
from notifyd.core.sequence import After, AtTimestamp, Checkpoint, Position, ShardEnd, TrimHorizon
from notifyd.errors import AwsError, TrimmedData
from notifyd.ports import Clock, Page, ShardInfo

# The first numbers have 20 digits and later ones 21: whoever compares them as text is found out.
_FIRST_SEQUENCE = 10**20 - 3


@dataclass
class _Shard:
    """`trimmed` records at the head of `records` are gone from the stream."""

    shard_id: str
    parents: tuple[str, ...]
    records: list[Record] = field(default_factory=list)
    trimmed: int = 0
    closed: bool = False
    listed: bool = True
    failures: list[Exception] = field(default_factory=list)


class FakeSource:
    """A source with one open shard, `shard-0`, unless told otherwise.

    `reads` names the shard of each read, `opened` holds each reader's shard and start. An expired
    iterator cannot be seen at this port; it is played where the adapters are tested. DynamoDB Streams
    is the service that does not know timestamps.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        name: str = "fake:events",
        shards: Sequence[str] = ("shard-0",),
        page_max: int = 100,
        knows_timestamps: bool = True,
    ) -> None:
        self._clock = clock
        self._name = name
        self._page_max = page_max
        self._knows_timestamps = knows_timestamps
        self._sequences = count(_FIRST_SEQUENCE)
        self._shard_numbers = count(len(shards))
        self._shards: dict[str, _Shard] = {}
        self._refusals: list[Exception] = []
        self.reads: list[str] = []
        self.opened: list[tuple[str, Checkpoint]] = []
        for shard_id in shards:
            self.open_shard(shard_id)

    # What a test does to the stream.

    def open_shard(self, shard_id: str, parents: tuple[str, ...] = ()) -> None:
        self._shards[shard_id] = _Shard(shard_id, parents)

    def put(
        self, body: bytes, shard_id: str = "shard-0", *, arrival_s: float | None = None, partition_key: str = ""
    ) -> Position:
        return self.put_aggregate([body], shard_id, arrival_s=arrival_s, partition_key=partition_key)[0]

    def put_aggregate(
        self,
        bodies: Sequence[bytes],
        shard_id: str = "shard-0",
        *,
        arrival_s: float | None = None,
        partition_key: str = "",
    ) -> list[Position]:
        """User records under one sequence number."""
        shard = self._shards[shard_id]
        if shard.closed:
            raise ValueError(f"shard {shard_id} is closed; put into one of its children")
        sequence = str(next(self._sequences))
        arrived_s = self._clock.now_s() if arrival_s is None else arrival_s
        positions = [Position(sequence, sub) for sub in range(len(bodies))]
        shard.records.extend(
            Record(position, arrived_s, body, partition_key)
            for position, body in zip(positions, bodies, strict=True)
        )
        return positions

    def close(self, shard_id: str) -> None:
        self._shards[shard_id].closed = True

    def split(self, shard_id: str) -> tuple[str, str]:
        self.close(shard_id)
        return self._open_child((shard_id,)), self._open_child((shard_id,))

    def merge(self, first: str, second: str) -> str:
        self.close(first)
        self.close(second)
        return self._open_child((first, second))

    def trim(self, shard_id: str, records: int) -> None:
        """The oldest `records` that are left go."""
        self._shards[shard_id].trimmed += records

    def drop_shard(self, shard_id: str) -> None:
        """The shard leaves the stream."""
        del self._shards[shard_id]

    def list_without(self, shard_id: str) -> None:
        """Listings miss the shard from now on; it can be read all the same."""
        self._shards[shard_id].listed = False

    def fail_next(self, shard_id: str, *failures: Exception) -> None:
        """One of `failures` for each of the next reads of the shard."""
        self._shards[shard_id].failures.extend(failures)

    def refuse_questions(self, *refusals: Exception) -> None:
        """One of `refusals` for each of the next times that it is asked whether it holds data."""
        self._refusals.extend(refusals)

    # The port.

    @property
    def name(self) -> str:
        return self._name

    async def list_shards(self) -> list[ShardInfo]:
        return [
            ShardInfo(
                shard.shard_id,
                shard.parents,
                shard.closed,
                shard.records[shard.trimmed].position.sequence if shard.records[shard.trimmed :] else "",
            )
            for shard in self._shards.values()
            if shard.listed
        ]

    async def holds_data(self) -> bool:
        if self._refusals:
            raise self._refusals.pop(0)
        return any(shard.trimmed < len(shard.records) for shard in self._shards.values())

    def resolve_latest(self, now_s: float) -> Checkpoint:
        return AtTimestamp(now_s) if self._knows_timestamps else TrimHorizon()

    async def retention_s(self) -> float:
        """What a test trims earlier is gone all the same."""
        return 24 * 3600.0

    def reader(self, shard_id: str, start: Checkpoint) -> FakeReader:
        self.opened.append((shard_id, start))
        return FakeReader(self, shard_id, start)

    # For FakeReader.

    def page(self, shard_id: str, after: Checkpoint) -> Page:
        self.reads.append(shard_id)
        if isinstance(after, ShardEnd):
            return Page([], ended=True, caught_up=True)
        shard = self._shards.get(shard_id)
        if shard is None:
            raise AwsError("GetRecords", "ResourceNotFoundException", f"no shard {shard_id}", status=400)
        if shard.failures:
            raise shard.failures.pop(0)
        first = _first_index(self._name, shard, after)
        records = shard.records[first : first + self._page_max]
        at_tip = first + len(records) == len(shard.records)
        ended = at_tip and shard.closed
        age_s = self._clock.now_s() - records[-1].arrival_s if records else None
        if self._knows_timestamps:
            return Page(records, ended=ended, caught_up=at_tip, behind_s=0.0 if at_tip else age_s)
        # As DynamoDB Streams has it: that nothing more is there is told by an empty page alone.
        is_short = len(records) < self._page_max
        return Page(records, ended=ended, caught_up=ended or not records, behind_s=age_s, is_short=is_short)

    def _open_child(self, parents: tuple[str, ...]) -> str:
        shard_id = f"shard-{next(self._shard_numbers)}"
        self.open_shard(shard_id, parents)
        return shard_id


class FakeReader:
    def __init__(self, source: FakeSource, shard_id: str, start: Checkpoint) -> None:
        self._source = source
        self._shard_id = shard_id
        self._after = start

    async def read(self) -> Page:
        page = self._source.page(self._shard_id, self._after)
        if page.records:
            self._after = After(page.records[-1].position)
        return page


def _first_index(stream: str, shard: _Shard, after: Checkpoint) -> int:
    match after:
        case After(position):
            first = bisect_right(shard.records, position.order(), key=lambda record: record.position.order())
            # Behind a record that is gone no service can tell what else is.
            if first <= shard.trimmed and shard.trimmed:
                raise TrimmedData(stream, shard.shard_id, position.text())
            return first
        case AtTimestamp(timestamp_s):
            late = (index for index, record in enumerate(shard.records) if record.arrival_s >= timestamp_s)
            return max(shard.trimmed, next(late, len(shard.records)))
        case TrimHorizon() | ShardEnd():
            return shard.trimmed
