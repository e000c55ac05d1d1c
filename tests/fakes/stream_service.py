"""What Kinesis and DynamoDB Streams have in common, in memory, behind the Transport of a real AwsService."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import accumulate, count
from typing import Any

import msgspec

from notifyd.ports import Clock
from notifyd.wire.aws_call import AwsService
from notifyd.wire.credentials import Credentials
from notifyd.wire.transport import Request, Response
from tests.fakes.system import FakeEntropy

HASH_KEYS = 2**128


class Refusal(msgspec.Struct):
    """An answer of AWS that is an error."""

    code: str
    message: str = ""


@dataclass
class StoredShard:
    """The first `trimmed` of `records` are gone from the stream; `empty_pages` come before its records."""

    shard_id: str
    parents: tuple[str, ...]
    hash_keys: tuple[int, int]
    first_sequence: str
    records: list[dict[str, Any]] = field(default_factory=list)
    trimmed: int = 0
    closed: bool = False
    empty_pages: int = 0


@dataclass
class Iterator:
    shard: StoredShard
    index: int
    made_s: float


class StreamService:
    """What both services share. `asked` holds each call as (operation, request).

    `refuse` scripts errors for an operation's next calls; iterators expire by the clock.
    """

    iterator_life_s: float
    page_bytes_max: int
    shards_per_page = 100

    def __init__(self, clock: Clock, first_sequence: int) -> None:
        self.clock = clock
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.shards: dict[str, StoredShard] = {}
        self._refusals: dict[str, list[Refusal]] = {}
        self._iterators: dict[str, Iterator] = {}
        self._numbers = count()
        self._sequences = count(first_sequence)

    # What a test does.

    def refuse(self, operation: str, *refusals: Refusal) -> None:
        self._refusals.setdefault(operation, []).extend(refusals)

    def open_shard(self, parents: tuple[str, ...] = (), hash_keys: tuple[int, int] = (0, HASH_KEYS - 1)) -> str:
        shard_id = f"shardId-{next(self._numbers):012d}"
        self.shards[shard_id] = StoredShard(shard_id, parents, hash_keys, self.next_sequence())
        return shard_id

    def close_shard(self, shard_id: str) -> None:
        self.shards[shard_id].closed = True

    def split(self, shard_id: str) -> list[str]:
        self.close_shard(shard_id)
        first, last = self.shards[shard_id].hash_keys
        middle = (first + last) // 2
        return [self.open_shard((shard_id,), keys) for keys in ((first, middle), (middle + 1, last))]

    def trim(self, shard_id: str, records: int) -> None:
        self.shards[shard_id].trimmed += records

    def next_sequence(self) -> str:
        return str(next(self._sequences))

    def service(self) -> AwsService:
        return AwsService(
            service="stream",
            region="us-east-1",
            endpoint="http://aws.test",
            credentials=_AnyCredentials(),
            transport=self,
            clock=self.clock,
            entropy=FakeEntropy(),
        )

    # Transport.

    async def send(self, request: Request, *, timeout_s: float) -> Response:
        assert timeout_s > 0
        operation = request.headers["x-amz-target"].partition(".")[2]
        body = msgspec.json.decode(request.body)
        self.asked.append((operation, body))
        refusals = self._refusals.get(operation)
        answer = refusals.pop(0) if refusals else self.answer(operation, body)
        if isinstance(answer, Refusal):
            error = {"__type": f"com.amazonaws.stream#{answer.code}", "message": answer.message}
            return Response(400, {}, msgspec.json.encode(error))
        return Response(200, {}, msgspec.json.encode(answer))

    async def close(self) -> None:
        return

    # For the two services.

    def answer(self, operation: str, request: dict[str, Any]) -> dict[str, Any] | Refusal:
        raise NotImplementedError

    def new_iterator(self, shard: StoredShard, index: int) -> str:
        token = f"iterator-{next(self._numbers)}"
        self._iterators[token] = Iterator(shard, index, self.clock.now_s())
        return token

    def read(self, request: dict[str, Any]) -> tuple[Iterator, list[dict[str, Any]], str | None] | Refusal:
        """Where it stood, the records, and the next iterator, None at the end of a closed shard."""
        iterator = self._iterators[request["ShardIterator"]]
        if self.clock.now_s() - iterator.made_s > self.iterator_life_s:
            return Refusal("ExpiredIteratorException", "Iterator expired")
        shard = iterator.shard
        start = max(iterator.index, shard.trimmed)
        records = self._fitting(shard.records[start : start + request["Limit"]])
        if shard.empty_pages:
            shard.empty_pages -= 1
            records = []
        end = start + len(records)
        over = shard.closed and end == len(shard.records)
        return iterator, records, None if over else self.new_iterator(shard, end)

    def shard_of(self, request: dict[str, Any]) -> StoredShard:
        return self._iterators[request["ShardIterator"]].shard

    def size_bytes(self, record: dict[str, Any]) -> int:
        """As the service counts it."""
        raise NotImplementedError

    def _fitting(self, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The first of them, as many as a page holds; one at least."""
        sizes = accumulate(map(self.size_bytes, records))
        return [
            record
            for at, (record, size) in enumerate(zip(records, sizes, strict=True))
            if not at or size <= self.page_bytes_max
        ]


def _sequence(record: dict[str, Any]) -> int:
    return int(record.get("SequenceNumber") or record["dynamodb"]["SequenceNumber"])


def index_of(shard: StoredShard, sequence: str) -> int:
    return bisect_left(shard.records, int(sequence), key=_sequence)


def sequence_range(shard: StoredShard) -> dict[str, str]:
    ending = {"EndingSequenceNumber": shard.first_sequence} if shard.closed else {}
    return {"StartingSequenceNumber": shard.first_sequence, **ending}


class _AnyCredentials:
    async def current(self, within_s: float) -> Credentials:  # noqa: ARG002 - the source's
        return Credentials("AKIDOFNOBODY", "no secret")
