"""Kinesis as readers see it."""

from __future__ import annotations

from binascii import b2a_base64
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any

from bench.servers.events import Shape, Stamp, envelope
from bench.servers.http import Asked, Refused
from bench.servers.iterators import (
    Numbering,
    iterator_text,
    parse_iterator,
    shard_id,
    shard_index,
    starting_place,
)
from bench.servers.stream import Render, Rendered, Stream

RECORDS_MAX = 10_000
PAGE_BYTES_MAX = 10 * 1024 * 1024
READS_PER_S = 5
# What is sent a second apart may come a little nearer.
_READS_WITHIN_S = 0.9
HASH_KEYS = 2**128
_NUMBERING = Numbering("495", 56)


def kinesis_record(shape: Shape) -> Render:
    def render(index: int, place: int, stamp: Stamp) -> Rendered:
        data = envelope(shape, stamp)
        coded = b2a_base64(data, newline=False).decode("ascii")
        text = (
            f'{{"SequenceNumber":"{_NUMBERING.sequence(index, place)}",'
            f'"ApproximateArrivalTimestamp":{stamp.produced_at_s:.3f},'
            f'"Data":"{coded}","PartitionKey":"{shape.user_id(stamp.number)}"}}'
        )
        return Rendered(text.encode("ascii"), len(data))

    return render


class Kinesis:
    """The calls; each takes the decoded body and gives the answer's members, or a ready body."""

    def __init__(self, name: str, stream: Stream, now_s: Callable[[], float]) -> None:
        self._name = name
        self._stream = stream
        self._now_s = now_s
        self._reads: defaultdict[int, deque[float]] = defaultdict(lambda: deque(maxlen=READS_PER_S))

    def call(self, operation: str, asked: Asked) -> dict[str, Any] | bytes:
        match operation:
            case "GetRecords":
                return self._get_records(asked)
            case "GetShardIterator":
                return self._get_shard_iterator(asked)
            case "ListShards":
                return self._list_shards(asked)
            case "DescribeStreamSummary":
                return self._describe(asked)
            case _:
                raise Refused("UnknownOperationException", f"no {operation} here")

    def _check_name(self, asked: Asked) -> None:
        name = asked.get("StreamName") or asked.get("StreamARN", "").rpartition("/")[2]
        if name != self._name:
            raise Refused("ResourceNotFoundException", f"no stream {name!r}; this one is {self._name!r}")

    def _describe(self, asked: Asked) -> dict[str, Any]:
        self._check_name(asked)
        return {
            "StreamDescriptionSummary": {
                "StreamName": self._name,
                "StreamARN": f"arn:aws:kinesis:eu-central-1:123456789012:stream/{self._name}",
                "StreamStatus": "ACTIVE",
                "RetentionPeriodHours": 24,
                "StreamCreationTimestamp": 1_700_000_000.0,
                "EnhancedMonitoring": [],
                "OpenShardCount": len(self._stream.shards),
            }
        }

    def _list_shards(self, asked: Asked) -> dict[str, Any]:
        self._check_name(asked)
        count = len(self._stream.shards)
        return {
            "Shards": [
                {
                    "ShardId": shard_id(index),
                    "HashKeyRange": {
                        "StartingHashKey": str(HASH_KEYS * index // count),
                        "EndingHashKey": str(HASH_KEYS * (index + 1) // count - 1),
                    },
                    "SequenceNumberRange": {"StartingSequenceNumber": _NUMBERING.sequence(index, 0)},
                }
                for index in range(count)
            ]
        }

    def _get_shard_iterator(self, asked: Asked) -> dict[str, Any]:
        self._check_name(asked)
        self._stream.advance(self._now_s())
        index = shard_index(self._stream, asked)
        place = starting_place(self._stream.shards[index], _NUMBERING, asked, "StartingSequenceNumber")
        return {"ShardIterator": iterator_text(index, place)}

    def _get_records(self, asked: Asked) -> bytes:
        now_s = self._now_s()
        self._stream.advance(now_s)
        index, place = parse_iterator(self._stream, asked["ShardIterator"])
        self._take_turn(index, now_s)
        records_max = min(asked.get("Limit", RECORDS_MAX), RECORDS_MAX)
        page = self._stream.shards[index].page(place, records_max, PAGE_BYTES_MAX, now_s)
        return (b'{"Records":[%b],"NextShardIterator":"%b","MillisBehindLatest":%d}') % (
            page.body,
            iterator_text(index, page.next_place).encode("ascii"),
            int(page.behind_s * 1000),
        )

    def _take_turn(self, index: int, now_s: float) -> None:
        """Raises Refused for one read of a shard too many; it does not count."""
        reads = self._reads[index]
        if len(reads) == READS_PER_S and now_s - reads[0] < _READS_WITHIN_S:
            raise Refused("ProvisionedThroughputExceededException", f"Rate exceeded for shard {shard_id(index)}")
        reads.append(now_s)
