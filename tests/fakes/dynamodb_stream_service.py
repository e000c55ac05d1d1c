"""A table and its DynamoDB stream in memory: many shards, children, trimming, as AWS does it."""

from __future__ import annotations

from typing import Any

import msgspec

from notifyd.core.sequence import Position
from notifyd.ports import Clock
from tests.fakes.stream_service import Refusal, StoredShard, StreamService, index_of, sequence_range

_RECORDS_MAX = 1000


class DynamoDbService(StreamService):
    """One table and its stream. `stream_label` None: the table has no stream."""

    iterator_life_s = 900.0
    page_bytes_max = 2**20

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock, first_sequence=10**20 - 5)
        self.stream_label: str | None = "2024-01-01T00:00:00.000"

    def put(self, shard_id: str, image: dict[str, Any]) -> Position:
        sequence = self.next_sequence()
        change = {
            "ApproximateCreationDateTime": int(self.clock.now_s()),
            "Keys": {"id": image.get("id", {"S": "?"})},
            "NewImage": image,
            "SequenceNumber": sequence,
            "StreamViewType": "NEW_IMAGE",
        }
        self.shards[shard_id].records.append({"eventName": "INSERT", "dynamodb": change})
        return Position(sequence)

    @property
    def stream_arn(self) -> str:
        return f"arn:aws:dynamodb:us-east-1:000000000000:table/orders/stream/{self.stream_label}"

    def answer(self, operation: str, request: dict[str, Any]) -> dict[str, Any] | Refusal:
        match operation:
            case "DescribeTable":
                return {"Table": {"LatestStreamArn": self.stream_arn} if self.stream_label else {}}
            case "DescribeStream" if request["StreamArn"] == self.stream_arn:
                return {"StreamDescription": self._description(request)}
            case "GetShardIterator" if request["StreamArn"] == self.stream_arn:
                return self._shard_iterator(request)
            case "GetRecords":
                return self._records(request)
            case _:
                return Refusal("ResourceNotFoundException", f"{operation}: no such stream")

    def _description(self, request: dict[str, Any]) -> dict[str, Any]:
        names = list(self.shards)
        start = names.index(request["ExclusiveStartShardId"]) + 1 if "ExclusiveStartShardId" in request else 0
        page = names[start : start + self.shards_per_page]
        more = start + len(page) < len(names)
        return {
            "Shards": [_listed_by_dynamodb(self.shards[name]) for name in page],
            **({"LastEvaluatedShardId": page[-1]} if more else {}),
        }

    def _shard_iterator(self, request: dict[str, Any]) -> dict[str, Any] | Refusal:
        shard = self.shards.get(request["ShardId"])
        if shard is None:
            return Refusal("ResourceNotFoundException", f"Shard {request['ShardId']} does not exist")
        if request["ShardIteratorType"] == "TRIM_HORIZON":
            return {"ShardIterator": self.new_iterator(shard, shard.trimmed)}
        assert request["ShardIteratorType"] == "AFTER_SEQUENCE_NUMBER"
        index = index_of(shard, request["SequenceNumber"])
        if index < shard.trimmed:
            return Refusal("TrimmedDataAccessException", "The operation attempted to read past the oldest record")
        return {"ShardIterator": self.new_iterator(shard, index + 1)}

    def _records(self, request: dict[str, Any]) -> dict[str, Any] | Refusal:
        if request["Limit"] > _RECORDS_MAX:
            return Refusal("ValidationException", f"Limit {request['Limit']}, at most {_RECORDS_MAX}")
        answer = self.read(request)
        if isinstance(answer, Refusal):
            return answer
        iterator, records, next_iterator = answer
        if iterator.index < iterator.shard.trimmed:
            return Refusal("TrimmedDataAccessException", "The operation attempted to read past the oldest record")
        return {"Records": records, "NextShardIterator": next_iterator}

    def size_bytes(self, record: dict[str, Any]) -> int:
        return len(msgspec.json.encode(record["dynamodb"]))


def _listed_by_dynamodb(shard: StoredShard) -> dict[str, Any]:
    parents = {"ParentShardId": shard.parents[0]} if shard.parents else {}
    return {"ShardId": shard.shard_id, "SequenceNumberRange": sequence_range(shard), **parents}
