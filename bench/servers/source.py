"""`python -m bench.servers.source`: one Kinesis stream and one DynamoDB stream, filled by order.

`POST /_bench/append {"source": …, "events": n, "rate_per_s": r}` fills one of them; rate 0: all at once.
`POST /_bench/halt`: what has not arrived by now never does.
"""

from __future__ import annotations

import argparse
from typing import Any

import msgspec

from bench.servers.dynamodb_streams import DynamodbStreams, stream_record
from bench.servers.events import DETAIL_TYPE, Shape
from bench.servers.http import Answer, Refused, Request, refusal
from bench.servers.kinesis import Kinesis, kinesis_record
from bench.servers.process import Counted, arguments, now_s, serve, target_operation
from bench.servers.stream import Stream


class Append(msgspec.Struct):
    source: str
    events: int
    rate_per_s: float = 0.0


class Source:
    def __init__(self, name: str, shards: int, shape: Shape, latency_s: float, hot_percent: int = 0) -> None:
        self._latency_s = latency_s
        self._streams = {
            "kinesis": Stream(shards, kinesis_record(shape), hot_percent),
            "dynamodb": Stream(shards, stream_record(shape), hot_percent),
        }
        self._services: dict[str, Kinesis | DynamodbStreams] = {
            "Kinesis_20131202": Kinesis(name, self._streams["kinesis"], now_s),
            "DynamoDBStreams_20120810": DynamodbStreams(name, self._streams["dynamodb"], now_s),
        }

    def answer(self, request: Request) -> Answer:
        service, _, operation = request.target.rpartition(".")
        try:
            said = self._services[service].call(operation, msgspec.json.decode(request.body))
        except Refused as refused:
            return refusal(refused.code, str(refused))
        body = said if isinstance(said, bytes) else msgspec.json.encode(said)
        return Answer(body, content_type="application/x-amz-json-1.1", delay_s=self._latency_s)

    def control(self, path: str, body: bytes) -> dict[str, Any]:
        match path:
            case "append":
                asked = msgspec.json.decode(body, type=Append)
                self._streams[asked.source].append(asked.events, asked.rate_per_s, now_s())
            case "progress":
                self._advance()
            case "halt":
                self._advance()
                for stream in self._streams.values():
                    stream.halt()
        return {source: sum(len(shard) for shard in stream.shards) for source, stream in self._streams.items()}

    def _advance(self) -> None:
        for stream in self._streams.values():
            stream.advance(now_s())


def main() -> None:
    parser = arguments(__doc__ or "")
    parser.add_argument("--name", default="bench-events")
    parser.add_argument("--shards", type=int, default=20)
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--event-bytes", type=int, default=600)
    parser.add_argument("--detail-types", default=DETAIL_TYPE, help="with commas; each has an equal share")
    parser.add_argument("--hot-percent", type=int, default=0, help="of the events, all on the first shard")
    parser.add_argument("--latency-ms", type=float, default=5.0)
    options = parser.parse_args()
    serve(Counted(source_of(options), target_operation), options)


def source_of(options: argparse.Namespace) -> Source:
    shape = Shape(options.users, options.event_bytes, tuple(options.detail_types.split(",")))
    return Source(options.name, options.shards, shape, options.latency_ms / 1000, options.hot_percent)


if __name__ == "__main__":
    main()
