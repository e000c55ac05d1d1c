"""A table's DynamoDB stream as a source: `ports.Source` over the lean calls."""

from __future__ import annotations

from notifyd.aws.dynamodb_streams_calls import DESCRIBE_STREAM, DESCRIBE_TABLE, Shard
from notifyd.aws.dynamodb_streams_reader import DynamoDbStreamReader
from notifyd.aws.first_record import holds_record
from notifyd.core.sequence import Checkpoint, TrimHorizon
from notifyd.errors import AwsError
from notifyd.ports import Clock, ShardInfo
from notifyd.wire.aws_call import AwsService

# A listing is read again from its first page when one fails, so each page may be asked for a few times.
_ATTEMPTS_MAX = 3
_RETENTION_S = 24 * 3600.0


class DynamoDbStreamSource:
    """The stream of one table, under the table's name: the stream's own changes when it is switched off and on.

    `batch_size`: records a read, at most 1,000. `streams` and `tables` are two services of AWS.
    """

    def __init__(
        self, table_name: str, streams: AwsService, tables: AwsService, clock: Clock, *, batch_size: int = 1000
    ) -> None:
        self._table_name = table_name
        self._streams = streams
        self._tables = tables
        self._clock = clock
        self._batch_size = batch_size
        self._stream_arn: str | None = None

    @property
    def name(self) -> str:
        return f"dynamodb:{self._table_name}"

    async def list_shards(self) -> list[ShardInfo]:
        self._stream_arn = await self._latest_stream_arn()
        shards: list[Shard] = []
        request = {"StreamArn": self._stream_arn}
        while True:
            answer = await DESCRIBE_STREAM.ask(self._streams, request, attempts_max=_ATTEMPTS_MAX)
            shards += answer.stream_description.shards
            last = answer.stream_description.last_evaluated_shard_id
            if last is None:
                return [_info(shard) for shard in shards]
            request["ExclusiveStartShardId"] = last

    async def holds_data(self) -> bool:
        for shard in await self.list_shards():
            if await holds_record(self._reader(shard.shard_id, TrimHorizon(), batch_size=1), self._clock):
                return True
        return False

    def resolve_latest(self, now_s: float) -> Checkpoint:  # noqa: ARG002 - the service knows no AT_TIMESTAMP
        return TrimHorizon()

    async def retention_s(self) -> float:
        return _RETENTION_S

    def reader(self, shard_id: str, start: Checkpoint) -> DynamoDbStreamReader:
        return self._reader(shard_id, start, batch_size=self._batch_size)

    async def stream_arn(self) -> str:
        """The stream that was listed last."""
        if self._stream_arn is None:
            self._stream_arn = await self._latest_stream_arn()
        return self._stream_arn

    async def _latest_stream_arn(self) -> str:
        request = {"TableName": self._table_name}
        arn = (await DESCRIBE_TABLE.ask(self._tables, request, attempts_max=_ATTEMPTS_MAX)).table.latest_stream_arn
        if arn is None:
            message = f"table {self._table_name} has no stream; switch it on with NEW_IMAGE or NEW_AND_OLD_IMAGES"
            raise AwsError("DescribeTable", "ResourceNotFoundException", message, status=200)
        return arn

    def _reader(self, shard_id: str, start: Checkpoint, *, batch_size: int) -> DynamoDbStreamReader:
        return DynamoDbStreamReader(
            self.name,
            shard_id,
            start,
            service=self._streams,
            clock=self._clock,
            stream_arn=self.stream_arn,
            batch_size=batch_size,
        )


def _info(shard: Shard) -> ShardInfo:
    return ShardInfo(
        shard.shard_id,
        (shard.parent_shard_id,) if shard.parent_shard_id else (),
        closed=shard.sequence_number_range.ending_sequence_number is not None,
        first_sequence=shard.sequence_number_range.starting_sequence_number,
    )
