"""Kinesis in memory: what no emulator does of it, as AWS does it."""

from __future__ import annotations

from base64 import b64decode, b64encode
from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Any

from notifyd.core.sequence import Position
from notifyd.ports import Clock
from tests.fakes.stream_service import Refusal, StoredShard, StreamService, index_of, sequence_range

_RECORDS_MAX = 10_000
_PAGE_BYTES_MAX = 10 * 2**20
_BYTES_PER_S = 2 * 2**20
_READS_PER_S = 5
_ROUNDING_S = 0.001  # of fifths of a second that are added up


class KinesisService(StreamService):
    """`throttles`: a shard gives five pages a second, and none before the last one is paid off at 2 MiB/s.
    `throttled`: how many reads met that.
    """

    iterator_life_s = 300.0
    token_life_s = 300.0
    page_bytes_max = _PAGE_BYTES_MAX

    def __init__(self, clock: Clock, *, retention_s: float = 24 * 3600.0, throttles: bool = False) -> None:
        super().__init__(clock, first_sequence=10**55 - 5)
        self._retention_s = retention_s
        self.throttled = 0
        self._throttles = throttles
        self._reads_s: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=_READS_PER_S))
        self._paid_at_s: defaultdict[str, float] = defaultdict(float)

    def put(self, shard_id: str, data: bytes, *, partition_key: str = "key") -> Position:
        record = {
            "SequenceNumber": self.next_sequence(),
            "ApproximateArrivalTimestamp": self.clock.now_s(),
            "Data": b64encode(data).decode(),
            "PartitionKey": partition_key,
        }
        self.shards[shard_id].records.append(record)
        return Position(str(record["SequenceNumber"]))

    def answer(self, operation: str, request: dict[str, Any]) -> dict[str, Any] | Refusal:
        match operation:
            case "ListShards":
                return self._list_shards(request)
            case "DescribeStreamSummary":
                return {"StreamDescriptionSummary": {"RetentionPeriodHours": round(self._retention_s / 3600)}}
            case "GetShardIterator":
                return self._shard_iterator(request)
            case "GetRecords":
                return self._records(request)
            case _:
                return Refusal("ResourceNotFoundException", f"{operation}: no such stream")

    def _list_shards(self, request: dict[str, Any]) -> dict[str, Any] | Refusal:
        if ("NextToken" in request) == ("StreamName" in request):
            return Refusal("InvalidArgumentException", "NextToken and StreamName cannot be provided together")
        start, _, made_s = request.get("NextToken", "0").partition("@")
        if made_s and self.clock.now_s() - float(made_s) > self.token_life_s:
            return Refusal("ExpiredNextTokenException", "NextToken has expired")
        end = int(start) + self.shards_per_page
        listed = [_listed_by_kinesis(shard) for shard in list(self.shards.values())[int(start) : end]]
        more = {"NextToken": f"{end}@{self.clock.now_s()}"} if end < len(self.shards) else {}
        return {"Shards": listed, **more}

    def _shard_iterator(self, request: dict[str, Any]) -> dict[str, Any] | Refusal:
        shard = self.shards.get(request["ShardId"])
        if shard is None:
            return Refusal("ResourceNotFoundException", f"Shard {request['ShardId']} does not exist")
        match request["ShardIteratorType"]:
            case "AT_SEQUENCE_NUMBER":
                index = index_of(shard, request["StartingSequenceNumber"])
            case "AT_TIMESTAMP" if request["Timestamp"] > self.clock.now_s():
                return Refusal("InvalidArgumentException", "Timestamp is in the future")
            case "AT_TIMESTAMP":
                arrivals = [record["ApproximateArrivalTimestamp"] for record in shard.records]
                index = bisect_left(arrivals, request["Timestamp"])
            case "TRIM_HORIZON":
                index = 0
            case other:
                raise AssertionError(f"{other} may lose records")
        return {"ShardIterator": self.new_iterator(shard, index)}

    def _records(self, request: dict[str, Any]) -> dict[str, Any] | Refusal:
        if request["Limit"] > _RECORDS_MAX:
            return Refusal("InvalidArgumentException", f"Limit {request['Limit']}, at most {_RECORDS_MAX}")
        if self._throttles and not self._takes_turn(self.shard_of(request).shard_id):
            self.throttled += 1
            return Refusal("ProvisionedThroughputExceededException", "Rate exceeded for shard")
        answer = self.read(request)
        if isinstance(answer, Refusal):
            return answer
        iterator, records, next_iterator = answer
        shard = iterator.shard
        self._paid_at_s[shard.shard_id] = self.clock.now_s() + sum(map(self.size_bytes, records)) / _BYTES_PER_S
        end = max(iterator.index, shard.trimmed) + len(records)
        behind_ms = 0 if end == len(shard.records) else int(self._retention_s * 1000)
        return {"Records": records, "MillisBehindLatest": behind_ms, "NextShardIterator": next_iterator}

    def _takes_turn(self, shard_id: str) -> bool:
        now_s, reads_s = self.clock.now_s() + _ROUNDING_S, self._reads_s[shard_id]
        one_too_many = len(reads_s) == _READS_PER_S and now_s < reads_s[0] + 1.0
        reads_s.append(self.clock.now_s())
        return not one_too_many and now_s >= self._paid_at_s[shard_id]

    def size_bytes(self, record: dict[str, Any]) -> int:
        return len(b64decode(record["Data"]))


def _listed_by_kinesis(shard: StoredShard) -> dict[str, Any]:
    first, last = shard.hash_keys
    names: Sequence[str] = ("ParentShardId", "AdjacentParentShardId")
    return {
        "ShardId": shard.shard_id,
        "HashKeyRange": {"StartingHashKey": str(first), "EndingHashKey": str(last)},
        "SequenceNumberRange": sequence_range(shard),
        **dict(zip(names, shard.parents, strict=False)),
    }
