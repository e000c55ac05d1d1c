"""Where a record stands in its shard, and where reading starts."""

from __future__ import annotations

import msgspec


class Position(msgspec.Struct, frozen=True, gc=False):
    """A user record's place: the stream's sequence number and the place inside a KPL aggregate.

    `sequence` keeps the service's own text (leading zeros included), because iterators want it
    back as it came; order is that of the integers (21–56 digits), never of the text.
    """

    sequence: str
    sub_sequence: int = 0

    def order(self) -> tuple[int, int]:
        return int(self.sequence), self.sub_sequence

    def is_after(self, other: Position) -> bool:
        return self.order() > other.order()

    def text(self) -> str:
        return f"{self.sequence}:{self.sub_sequence}"


class TrimHorizon(msgspec.Struct, frozen=True):
    """From the oldest record that the stream still holds."""


class Latest(msgspec.Struct, frozen=True):
    """From now on. Only in config: it is resolved once, when a stream is first initialised."""


class AtTimestamp(msgspec.Struct, frozen=True):
    """From the first record that arrived at or after `timestamp_s` (epoch seconds)."""

    timestamp_s: float


class After(msgspec.Struct, frozen=True):
    """From the first user record behind `position`, inside the same aggregate if need be."""

    position: Position


class ShardEnd(msgspec.Struct, frozen=True):
    """The shard is closed and read to its end: its children may start."""


Checkpoint = TrimHorizon | AtTimestamp | After | ShardEnd
StartingPosition = TrimHorizon | AtTimestamp | Latest


def checkpoint_text(checkpoint: Checkpoint) -> str:
    """As the shard's item holds it: `TRIM_HORIZON`, `SHARD_END`, `AT_TIMESTAMP:<s>`, `<sequence>:<sub>`."""
    match checkpoint:
        case TrimHorizon():
            return "TRIM_HORIZON"
        case ShardEnd():
            return "SHARD_END"
        case AtTimestamp(timestamp_s):
            return f"AT_TIMESTAMP:{timestamp_s}"
        case After(position):
            return position.text()


def parse_checkpoint(text: str) -> Checkpoint:
    """Reads what `checkpoint_text` wrote; raises ValueError on anything else."""
    if text == "TRIM_HORIZON":
        return TrimHorizon()
    if text == "SHARD_END":
        return ShardEnd()
    if text.startswith("AT_TIMESTAMP:"):
        return AtTimestamp(float(text.removeprefix("AT_TIMESTAMP:")))
    return After(parse_position(text))


def parse_position(text: str) -> Position:
    """Reads `<sequence>:<sub>`; raises ValueError on anything else."""
    sequence, separator, sub = text.partition(":")
    if not (separator and sequence.isdecimal() and sub.isdecimal()):
        raise ValueError(f"{text!r} is no position; a position is <sequence number>:<sub-sequence number>")
    return Position(sequence, int(sub))
