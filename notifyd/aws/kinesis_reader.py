"""One Kinesis shard from one place on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog

from notifyd.aws.kinesis_calls import GET_RECORDS, GET_SHARD_ITERATOR, GetRecordsAnswer, StreamRecord
from notifyd.aws.kpl import MAGIC, HashRange, take_apart
from notifyd.core.event import Record
from notifyd.core.sequence import After, AtTimestamp, Checkpoint, Position, ShardEnd, TrimHorizon
from notifyd.errors import AwsError, TrimmedData
from notifyd.ports import Clock, Page
from notifyd.wire.aws_call import AwsService

# 5 reads a second on a shard, and 2 MiB: until a page that held more is paid off, every read is throttled.
_READ_INTERVAL_S = 0.2
_READ_BYTES_PER_S = 2 * 2**20
# The shortest retention that Kinesis knows.
_RETENTION_MIN_S = 24 * 3600.0
# An iterator at a record that was trimmed may answer with empty pages for hours; one at a record that is there
# has it in its first pages.
_EMPTY_SEEK_READS_MAX = 25

_log = structlog.get_logger(__name__)


class KinesisReader:
    """Implements `ports.ShardReader`.

    A new iterator stands AT the last record handed out, never after it: the rest of its aggregate follows,
    and only so can it be seen that the record was trimmed, since Kinesis begins at the horizon without a word.
    """

    def __init__(
        self,
        stream_name: str,
        shard_id: str,
        start: Checkpoint,
        *,
        service: AwsService,
        clock: Clock,
        hash_range_of: Callable[[str], Awaitable[HashRange | None]],
        batch_size: int,
    ) -> None:
        self._stream_name = stream_name
        self._shard_id = shard_id
        self._place = start
        self._service = service
        self._clock = clock
        self._hash_range_of = hash_range_of
        self._hash_range: HashRange | None = None
        self._batch_size = batch_size
        self._iterator: str | None = None
        self._sought: Position | None = None  # handed out before and not seen again since the iterator is new
        self._empty_seek_reads = 0
        self._from_horizon = False
        self._caught_up_at_s: float | None = None

    async def read(self) -> Page:
        if isinstance(self._place, ShardEnd):
            return Page([], ended=True, caught_up=True)
        if self._iterator is None:
            self._iterator = await self._new_iterator()
        request = {"ShardIterator": self._iterator, "Limit": self._batch_size}
        try:
            answer = await GET_RECORDS.ask(self._service, request)
        except AwsError as error:
            if error.code != "ExpiredIteratorException":
                raise
            self._iterator = None
            return Page([], next_read_s=_READ_INTERVAL_S)
        page = self._page(answer)
        self._iterator = answer.next_shard_iterator
        if self._empty_seek_reads == _EMPTY_SEEK_READS_MAX and not self._from_horizon:
            self._from_horizon = True
            self._iterator = None
        if page.caught_up:
            self._caught_up_at_s = self._clock.elapsed_s()
        if page.ended:
            self._place = ShardEnd()
        elif page.records:
            self._place = After(page.records[-1].position)
        return page

    async def _new_iterator(self) -> str:
        if self._hash_range is None:
            self._hash_range = await self._hash_range_of(self._shard_id)
        self._sought = self._place.position if isinstance(self._place, After) else None
        self._empty_seek_reads = 0
        if not self._from_horizon:
            try:
                return await self._iterator_at(_iterator_type(self._place))
            except AwsError as error:
                if self._sought is None or error.code != "InvalidArgumentException":
                    raise
                # The sequence number has expired, or is of an earlier stream of this name.
                self._from_horizon = True
        return await self._iterator_at(_iterator_type(TrimHorizon()))

    async def _iterator_at(self, iterator_type: dict[str, object]) -> str:
        request = {"StreamName": self._stream_name, "ShardId": self._shard_id, **iterator_type}
        return (await GET_SHARD_ITERATOR.ask(self._service, request)).shard_iterator

    def _page(self, answer: GetRecordsAnswer) -> Page:
        ended = answer.next_shard_iterator is None
        behind_ms = answer.millis_behind_latest
        caught_up = ended or (behind_ms == 0 if behind_ms is not None else not answer.records)
        if self._sought is None:
            records = self._user_records(answer.records)
        else:
            records = self._after_sought(self._sought, answer.records, caught_up)
        size_bytes = sum([len(record.data) for record in answer.records])
        return Page(
            records,
            ended=ended,
            caught_up=caught_up,
            behind_s=behind_ms / 1000 if behind_ms is not None else None,
            next_read_s=max(_READ_INTERVAL_S, size_bytes / _READ_BYTES_PER_S),
        )

    def _after_sought(self, sought: Position, came: list[StreamRecord], caught_up: bool) -> list[Record]:
        """What lies behind `sought`, which has to come first (from the horizon: after older ones)."""
        sequence = int(sought.sequence)
        left = [record for record in came if int(record.sequence_number) >= sequence]
        if not left and not caught_up:
            self._empty_seek_reads += 1
            return []
        is_there = bool(left) and int(left[0].sequence_number) == sequence
        if not is_there and not self._was_caught_up_lately():
            raise TrimmedData(f"kinesis:{self._stream_name}", self._shard_id, sought.text())
        self._sought = None
        self._from_horizon = False
        return [record for record in self._user_records(left) if record.position.is_after(sought)]

    def _was_caught_up_lately(self) -> bool:
        """Then whatever came later is still there, although the last record before it is not."""
        caught_up_at_s = self._caught_up_at_s
        return caught_up_at_s is not None and self._clock.elapsed_s() - caught_up_at_s < _RETENTION_MIN_S

    def _user_records(self, came: list[StreamRecord]) -> list[Record]:
        records: list[Record] = []
        strays = 0
        now_s = self._clock.now_s()
        for record in came:
            arrival_s = record.approximate_arrival_timestamp or now_s
            data = record.data
            aggregate = take_apart(data, self._hash_range) if data.startswith(MAGIC) else None
            if aggregate is None:
                records.append(Record(Position(record.sequence_number), arrival_s, data, record.partition_key))
                continue
            strays += aggregate.strays
            records += [
                Record(
                    Position(record.sequence_number, user.sub_sequence), arrival_s, user.data, user.partition_key
                )
                for user in aggregate.records
            ]
        if strays:
            _log.warning("strays_left_out", stream=self._stream_name, shard=self._shard_id, user_records=strays)
        return records


def _iterator_type(place: Checkpoint) -> dict[str, object]:
    match place:
        case After(position):
            return {"ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": position.sequence}
        case AtTimestamp(timestamp_s):
            return {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": timestamp_s}
        case TrimHorizon() | ShardEnd():
            return {"ShardIteratorType": "TRIM_HORIZON"}
