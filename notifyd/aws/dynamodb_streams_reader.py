"""One shard of a DynamoDB stream from one place on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from notifyd.aws.dynamodb_streams_calls import GET_RECORDS, GET_SHARD_ITERATOR, STREAM_RECORD, GetRecordsAnswer
from notifyd.core.event import Record
from notifyd.core.sequence import After, AtTimestamp, Checkpoint, Position, ShardEnd, TrimHorizon, checkpoint_text
from notifyd.core.unreadable import UNREADABLE
from notifyd.errors import AwsError, NoAnswer, TrimmedData
from notifyd.ports import Clock, Page
from notifyd.wire.aws_call import AwsService


class DynamoDbStreamReader:
    """Implements `ports.ShardReader`. AT_TIMESTAMP is unknown here: it reads from the horizon."""

    def __init__(
        self,
        source_name: str,
        shard_id: str,
        start: Checkpoint,
        *,
        service: AwsService,
        clock: Clock,
        stream_arn: Callable[[], Awaitable[str]],
        batch_size: int,
    ) -> None:
        self._source_name = source_name
        self._shard_id = shard_id
        self._place = start
        self._service = service
        self._clock = clock
        self._listed_stream_arn = stream_arn
        self._stream_arn: str | None = None
        self._batch_size = batch_size
        self._iterator: str | None = None

    async def read(self) -> Page:
        if isinstance(self._place, ShardEnd):
            return Page([], ended=True, caught_up=True)
        try:
            if self._iterator is None:
                self._iterator = await self._new_iterator()
            request = {"ShardIterator": self._iterator, "Limit": self._batch_size}
            answer = await GET_RECORDS.ask(self._service, request)
        except AwsError as error:
            match error.code:
                case "ExpiredIteratorException":
                    self._iterator = None
                    return Page([])
                case "TrimmedDataAccessException":
                    raise TrimmedData(self._source_name, self._shard_id, checkpoint_text(self._place)) from error
                case _:
                    raise
        page = self._page(answer)
        self._iterator = answer.next_shard_iterator
        if page.ended:
            self._place = ShardEnd()
        elif page.records:
            self._place = After(page.records[-1].position)
        return page

    async def _new_iterator(self) -> str:
        if self._stream_arn is None:  # kept: the table's next stream has other shards
            self._stream_arn = await self._listed_stream_arn()
        request = {"StreamArn": self._stream_arn, "ShardId": self._shard_id, **_iterator_type(self._place)}
        return (await GET_SHARD_ITERATOR.ask(self._service, request)).shard_iterator

    def _page(self, answer: GetRecordsAnswer) -> Page:
        now_s = self._clock.now_s()
        records = []
        decode = STREAM_RECORD.decode
        try:
            for body in answer.records:
                change = decode(body).dynamodb
                arrival_s = change.approximate_creation_date_time or now_s
                records.append(Record(Position(change.sequence_number), arrival_s, body))
        except UNREADABLE as error:
            raise NoAnswer(f"{self._source_name}/{self._shard_id}: unreadable stream record: {error}") from error
        ended = answer.next_shard_iterator is None
        return Page(
            records,
            ended=ended,
            # An open shard answers with empty pages, now and then several in a row, also while it holds more.
            caught_up=ended or not records,
            behind_s=max(0.0, now_s - records[-1].arrival_s) if records else None,
            is_short=len(records) < self._batch_size,
        )


def _iterator_type(place: Checkpoint) -> dict[str, str]:
    match place:
        case After(position):
            return {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": position.sequence}
        case TrimHorizon() | AtTimestamp() | ShardEnd():
            return {"ShardIteratorType": "TRIM_HORIZON"}
