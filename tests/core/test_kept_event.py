"""What a delivery keeps of its event is the event, whatever becomes of the page that it came in."""

from __future__ import annotations

import json

import msgspec
import pytest

from notifyd.core.decode import Decoder
from notifyd.core.event import Event, Record
from notifyd.core.filter_criteria import SourceKind
from notifyd.core.kept_event import kept
from notifyd.core.sequence import Position

SHARD = "shard-0"
ENVELOPE = {"id": "e-1", "source": "shop", "detail-type": "paid", "detail": {"user_id": "u-1", "amount": 12.5}}
ITEM = {"order": {"S": "o-1"}, "total": {"N": "5"}}
CHANGE = {"eventName": "INSERT", "dynamodb": {"Keys": {"order": {"S": "o-1"}}, "NewImage": ITEM}}


@pytest.mark.parametrize(
    ("decoder", "body"),
    [
        (Decoder(SourceKind.KINESIS, "orders"), json.dumps(ENVELOPE).encode()),
        (Decoder(SourceKind.DYNAMODB, "orders"), msgspec.Raw(json.dumps(CHANGE).encode())),
    ],
    ids=["an envelope", "an item"],
)
def test_the_event_is_the_same_when_it_is_asked_for_again(decoder: Decoder, body: bytes | msgspec.Raw) -> None:
    record = Record(Position("7", 1), 1000.0, body, "p")
    [event] = decoder.decode(SHARD, [record])
    assert isinstance(event, Event)
    assert kept(decoder, SHARD, record).envelope() == event.envelope


def test_a_body_within_a_page_does_not_hold_the_page() -> None:
    record = Record(Position("7"), 1000.0, msgspec.Raw(b"{}"))
    undecoded = kept(Decoder(SourceKind.DYNAMODB, "orders"), SHARD, record)
    assert undecoded.record.body == b"{}"
    assert isinstance(undecoded.record.body, bytes)
