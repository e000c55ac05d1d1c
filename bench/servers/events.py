"""The bench's users and events, each a pure function of its number: the sinks can tell what is missing."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime
from functools import lru_cache

import msgspec

DETAIL_TYPE = "bench_payment"
# Of the envelope without its note, as Kinesis carries it; what is missing to the wanted size is the note.
_ENVELOPE_BYTES = 470


class Stamp(msgspec.Struct, frozen=True, gc=False):
    """Which event of the run, and when it was produced (epoch seconds)."""

    number: int
    produced_at_s: float

    @property
    def produced_at_ms(self) -> int:
        return int(self.produced_at_s * 1000)

    @property
    def time(self) -> str:
        return _time(int(self.produced_at_s))


# Thousands of events are produced in each second.
@lru_cache(maxsize=1)
def _time(epoch_s: int) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Shape(msgspec.Struct, frozen=True):
    """`users`: how many there are; `event_bytes`: of an envelope; `detail_types`: each has an equal share."""

    users: int
    event_bytes: int
    detail_types: tuple[str, ...] = (DETAIL_TYPE,)

    def user_number(self, number: int) -> int:
        """Spread like a hash, so that users come again at random distances, as real ones do."""
        return spread(number) % self.users

    def user_id(self, number: int) -> str:
        return user_id(self.user_number(number))

    def detail_type(self, number: int) -> str:
        """Of what the user's number leaves over: each user gets events of every type."""
        return self.detail_types[spread(number) // self.users % len(self.detail_types)]

    def note(self) -> str:
        return "n" * max(0, self.event_bytes - _ENVELOPE_BYTES)


# Each event asks for its user, its user's id and its type.
@lru_cache(maxsize=1)
def spread(number: int) -> int:
    """Like a hash, the same in every run."""
    return zlib.crc32(number.to_bytes(8, "big"))


def user_id(index: int) -> str:
    return f"user-{index:07d}"


def event_id(number: int) -> str:
    return f"evt-{number:012d}"


def envelope(shape: Shape, stamp: Stamp) -> bytes:
    """The EventBridge envelope as JSON, as it lies in a Kinesis record."""
    number = stamp.number
    return (
        f'{{"id":"{event_id(number)}","source":"payment_request_event","detail-type":["{shape.detail_type(number)}"],'
        f'"resources":["payments"],"region":"eu-central-1","account":"123456789012","time":"{stamp.time}",'
        f'"detail":{{"user_id":"{shape.user_id(number)}","number":{number},'
        f'"produced_at_ms":{stamp.produced_at_ms},"name":"Ada Example","amount":"{number % 9000 / 100:.2f}",'
        f'"currency":"EUR","merchant":"Grocer & Sons","card":"**** {number % 10000:04d}",'
        f'"reference":"R-{number:09d}","city":"Hamburg","note":"{shape.note()}"}}}}'
    ).encode()


def image(shape: Shape, stamp: Stamp) -> str:
    """The same envelope as an item of the events table, in DynamoDB's typed JSON."""
    number = stamp.number
    return (
        f'{{"id":{{"S":"{event_id(number)}"}},"source":{{"S":"payment_request_event"}},'
        f'"detail-type":{{"L":[{{"S":"{shape.detail_type(number)}"}}]}},"resources":{{"L":[{{"S":"payments"}}]}},'
        f'"region":{{"S":"eu-central-1"}},"account":{{"S":"123456789012"}},"time":{{"S":"{stamp.time}"}},'
        f'"detail":{{"M":{{"user_id":{{"S":"{shape.user_id(number)}"}},"number":{{"N":"{number}"}},'
        f'"produced_at_ms":{{"N":"{stamp.produced_at_ms}"}},"name":{{"S":"Ada Example"}},'
        f'"amount":{{"S":"{number % 9000 / 100:.2f}"}},"currency":{{"S":"EUR"}},'
        f'"merchant":{{"S":"Grocer & Sons"}},"card":{{"S":"**** {number % 10000:04d}"}},'
        f'"reference":{{"S":"R-{number:09d}"}},"city":{{"S":"Hamburg"}},"note":{{"S":"{shape.note()}"}}}}}}}}'
    )
