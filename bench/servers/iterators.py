"""Shard iterators and sequence numbers: both are a shard and a place, in the two services' clothes."""

from __future__ import annotations

from bench.servers.http import Asked, Refused
from bench.servers.stream import Shard, Stream


class Numbering:
    """Sequence numbers of `digits` digits: a lead, the shard, the place; order is that of places."""

    def __init__(self, lead: str, digits: int) -> None:
        self._lead = lead
        self._place_digits = digits - len(lead) - 6

    def sequence(self, index: int, place: int) -> str:
        return f"{self._lead}{index:06d}{place:0{self._place_digits}d}"

    def place(self, sequence: str) -> int:
        return int(sequence[-self._place_digits :])


def shard_id(index: int) -> str:
    return f"shardId-{index:020d}"


def shard_index(stream: Stream, asked: Asked) -> int:
    index = int(asked["ShardId"].removeprefix("shardId-"))
    if index >= len(stream.shards):
        raise Refused("ResourceNotFoundException", f"no shard {asked['ShardId']}")
    return index


def iterator_text(index: int, place: int) -> str:
    return f"AAAAAAAAAAE-{index}-{place}"


def parse_iterator(stream: Stream, text: str) -> tuple[int, int]:
    parts = text.split("-")
    if (
        len(parts) != 3
        or not (parts[1].isdecimal() and parts[2].isdecimal())
        or int(parts[1]) >= len(stream.shards)
    ):
        raise Refused("ExpiredIteratorException", f"no iterator {text}")
    return int(parts[1]), int(parts[2])


def starting_place(shard: Shard, numbering: Numbering, asked: Asked, sequence_key: str) -> int:
    match asked["ShardIteratorType"]:
        case "TRIM_HORIZON":
            return 0
        case "LATEST":
            return len(shard)
        case "AT_SEQUENCE_NUMBER":
            return numbering.place(asked[sequence_key])
        case "AFTER_SEQUENCE_NUMBER":
            return numbering.place(asked[sequence_key]) + 1
        case "AT_TIMESTAMP":
            return shard.place_at(float(asked["Timestamp"]))
        case other:
            raise Refused("ValidationException", f"no ShardIteratorType {other}")
