"""Kinesis in memory: what no emulator does of it, as AWS does it."""

from __future__ import annotations

from base64 import b64encode
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from notifyd.core.sequence import Position
from notifyd.ports import Clock
from tests.fakes.stream_service import Refusal, StoredShard, StreamService, index_of, sequence_range


class KinesisService(StreamService):
    iterator_life_s = 300.0

    def __init__(self, clock: Clock, *, retention_s: float = 24 * 3600.0) -> None:
        super().__init__(clock, first_sequence=10**55 - 5)
        self._retention_s = retention_s

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
        start = int(request.get("NextToken", 0))
        end = start + self.shards_per_page
        listed = [_listed_by_kinesis(shard) for shard in list(self.shards.values())[start:end]]
        return {"Shards": listed, **({"NextToken": str(end)} if end < len(self.shards) else {})}

    def _shard_iterator(self, request: dict[str, Any]) -> dict[str, Any] | Refusal:
        shard = self.shards.get(request["ShardId"])
        if shard is None:
            return Refusal("ResourceNotFoundException", f"Shard {request['ShardId']} does not exist")
        match request["ShardIteratorType"]:
            case "AT_SEQUENCE_NUMBER":
                index = index_of(shard, request["StartingSequenceNumber"])
            case "AT_TIMESTAMP":
                arrivals = [record["ApproximateArrivalTimestamp"] for record in shard.records]
                index = bisect_left(arrivals, request["Timestamp"])
            case "TRIM_HORIZON":
                index = 0
            case other:
                raise AssertionError(f"{other} may lose records")
        return {"ShardIterator": self.new_iterator(shard, index)}

    def _records(self, request: dict[str, Any]) -> dict[str, Any] | Refusal:
        answer = self.read(request)
        if isinstance(answer, Refusal):
            return answer
        iterator, records, next_iterator = answer
        shard = iterator.shard
        end = max(iterator.index, shard.trimmed) + len(records)
        behind_ms = 0 if end == len(shard.records) else int(self._retention_s * 1000)
        return {"Records": records, "MillisBehindLatest": behind_ms, "NextShardIterator": next_iterator}


def _listed_by_kinesis(shard: StoredShard) -> dict[str, Any]:
    first, last = shard.hash_keys
    names: Sequence[str] = ("ParentShardId", "AdjacentParentShardId")
    return {
        "ShardId": shard.shard_id,
        "HashKeyRange": {"StartingHashKey": str(first), "EndingHashKey": str(last)},
        "SequenceNumberRange": sequence_range(shard),
        **dict(zip(names, shard.parents, strict=False)),
    }
