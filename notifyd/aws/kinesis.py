"""Kinesis as a source: `ports.Source` over the lean calls."""

from __future__ import annotations

from notifyd.aws.first_record import holds_record
from notifyd.aws.kinesis_calls import DESCRIBE_STREAM_SUMMARY, LIST_SHARDS, Shard
from notifyd.aws.kinesis_reader import KinesisReader
from notifyd.aws.kpl import HashRange
from notifyd.core.sequence import AtTimestamp, Checkpoint, TrimHorizon
from notifyd.ports import Clock, ShardInfo
from notifyd.wire.aws_call import AwsService

# A listing is read again from its first page when one fails, so each page may be asked for a few times.
_ATTEMPTS_MAX = 3


class KinesisSource:
    """One stream. `batch_size`: records a read, at most 10,000."""

    def __init__(self, stream_name: str, service: AwsService, clock: Clock, *, batch_size: int = 1000) -> None:
        self._stream_name = stream_name
        self._service = service
        self._clock = clock
        self._batch_size = batch_size
        self._hash_ranges: dict[str, HashRange] = {}

    @property
    def name(self) -> str:
        return f"kinesis:{self._stream_name}"

    async def list_shards(self) -> list[ShardInfo]:
        shards: list[Shard] = []
        request = {"StreamName": self._stream_name}
        while True:
            answer = await LIST_SHARDS.ask(self._service, request, attempts_max=_ATTEMPTS_MAX)
            shards += answer.shards
            if answer.next_token is None:
                break
            request = {"NextToken": answer.next_token}  # the token holds the stream; both together are refused
        self._hash_ranges = {shard.shard_id: _hash_range(shard) for shard in shards}
        return [_info(shard) for shard in shards]

    async def holds_data(self) -> bool:
        for shard in await self.list_shards():
            if await holds_record(self._reader(shard.shard_id, TrimHorizon(), batch_size=1), self._clock):
                return True
        return False

    def resolve_latest(self, now_s: float) -> Checkpoint:
        return AtTimestamp(now_s)

    async def retention_s(self) -> float:
        request = {"StreamName": self._stream_name}
        answer = await DESCRIBE_STREAM_SUMMARY.ask(self._service, request, attempts_max=_ATTEMPTS_MAX)
        return answer.stream_description_summary.retention_period_hours * 3600.0

    def reader(self, shard_id: str, start: Checkpoint) -> KinesisReader:
        return self._reader(shard_id, start, batch_size=self._batch_size)

    async def hash_range(self, shard_id: str) -> HashRange | None:
        """Asked for before a shard's first read; a listing mostly has told it before."""
        if shard_id not in self._hash_ranges:
            await self.list_shards()
        return self._hash_ranges.get(shard_id)

    def _reader(self, shard_id: str, start: Checkpoint, *, batch_size: int) -> KinesisReader:
        return KinesisReader(
            self._stream_name,
            shard_id,
            start,
            service=self._service,
            clock=self._clock,
            hash_range_of=self.hash_range,
            batch_size=batch_size,
        )


def _info(shard: Shard) -> ShardInfo:
    parents = (shard.parent_shard_id, shard.adjacent_parent_shard_id)
    return ShardInfo(
        shard.shard_id,
        tuple(parent for parent in parents if parent),
        closed=shard.sequence_number_range.ending_sequence_number is not None,
        first_sequence=shard.sequence_number_range.starting_sequence_number,
    )


def _hash_range(shard: Shard) -> HashRange:
    return HashRange(int(shard.hash_key_range.starting_hash_key), int(shard.hash_key_range.ending_hash_key))
