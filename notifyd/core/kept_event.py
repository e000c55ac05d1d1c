"""An event as a delivery on its way keeps it, for a later attempt."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from notifyd.core.decode import Decoder
from notifyd.core.event import Event, Record


class KeptEvent(Protocol):
    def envelope(self) -> dict[str, Any]:
        """The whole event, as `Event.envelope` has it."""
        ...


class Known(msgspec.Struct, frozen=True, gc=False):
    """Decoded as it is."""

    event: dict[str, Any]

    def envelope(self) -> dict[str, Any]:
        return self.event


class Undecoded(msgspec.Struct, frozen=True, gc=False):
    """Of a record that has been an event before.

    Nearly no delivery is tried again, and decoded an event takes four times its bytes: memory that the next ones
    use while it is still in the core's cache.
    """

    decoder: Decoder
    shard_id: str
    record: Record

    def envelope(self) -> dict[str, Any]:
        [event] = self.decoder.decode(self.shard_id, [self.record])
        if not isinstance(event, Event):
            raise TypeError(f"{self.shard_id} {self.record.position.text()} was an event and is {event!r} now")
        return event.envelope


def kept(decoder: Decoder, shard_id: str, record: Record) -> Undecoded:
    """Without the page that the record came in, where its body is a part of that."""
    if isinstance(record.body, msgspec.Raw):
        record = Record(record.position, record.arrival_s, bytes(record.body), record.partition_key)
    return Undecoded(decoder, shard_id, record)
