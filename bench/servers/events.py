"""The bench's users and events, each a pure function of its number: the sinks can tell what is missing."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime

import msgspec

DETAIL_TYPE = "bench_payment"
# Of the envelope without its note, as Kinesis carries it; what is missing to the wanted size is the note.
_ENVELOPE_BYTES = 470


class Stamp(msgspec.Struct, frozen=True):
    """Which event of the run, and when it was produced (epoch seconds)."""

    number: int
    produced_at_s: float

    @property
    def produced_at_ms(self) -> int:
        return int(self.produced_at_s * 1000)

    @property
    def time(self) -> str:
        return datetime.fromtimestamp(self.produced_at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Shape(msgspec.Struct, frozen=True):
    """`users`: how many there are; `event_bytes`: of an envelope as JSON."""

    users: int
    event_bytes: int

    def user_id(self, number: int) -> str:
        """Spread like a hash, so that users come again at random distances, as real ones do."""
        return user_id(zlib.crc32(number.to_bytes(8, "big")) % self.users)

    def note(self) -> str:
        return "n" * max(0, self.event_bytes - _ENVELOPE_BYTES)


def user_id(index: int) -> str:
    return f"user-{index:07d}"


def event_id(number: int) -> str:
    return f"evt-{number:012d}"


def envelope(shape: Shape, stamp: Stamp) -> bytes:
    """The EventBridge envelope as JSON, as it lies in a Kinesis record."""
    number = stamp.number
    return (
        f'{{"id":"{event_id(number)}","source":"payment_request_event","detail-type":["{DETAIL_TYPE}"],'
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
        f'"detail-type":{{"L":[{{"S":"{DETAIL_TYPE}"}}]}},"resources":{{"L":[{{"S":"payments"}}]}},'
        f'"region":{{"S":"eu-central-1"}},"account":{{"S":"123456789012"}},"time":{{"S":"{stamp.time}"}},'
        f'"detail":{{"M":{{"user_id":{{"S":"{shape.user_id(number)}"}},"number":{{"N":"{number}"}},'
        f'"produced_at_ms":{{"N":"{stamp.produced_at_ms}"}},"name":{{"S":"Ada Example"}},'
        f'"amount":{{"S":"{number % 9000 / 100:.2f}"}},"currency":{{"S":"EUR"}},'
        f'"merchant":{{"S":"Grocer & Sons"}},"card":{{"S":"**** {number % 10000:04d}"}},'
        f'"reference":{{"S":"R-{number:09d}"}},"city":{{"S":"Hamburg"}},"note":{{"S":"{shape.note()}"}}}}}}}}'
    )


def user_number(user: str) -> int:
    return int(user.removeprefix("user-"))


def device_token(number: int) -> str:
    """As APNs gives them out: 32 bytes in hex. `number`: the device's, of all users' devices."""
    return f"{number:064x}"


def contact_item(user: str, devices: int = 0) -> bytes:
    first = user_number(user) * devices
    tokens = ",".join(
        f'{{"M":{{"platform":{{"S":"apns"}},"deviceToken":{{"S":"{device_token(first + device)}"}}}}}}'
        for device in range(devices)
    )
    return (
        f'{{"user_id":{{"S":"{user}"}},"email":{{"S":"{user}@bench.example"}},"phone":{{"S":"+4915100000000"}},'
        f'"device_tokens":{{"L":[{tokens}]}},"external_channels":{{"L":[]}}}}'
    ).encode()


def settings_item(user: str) -> bytes:
    return (
        f'{{"user_id":{{"S":"{user}"}},"opted_out":{{"BOOL":false}},'
        f'"categories":{{"M":{{"payments":{{"BOOL":true}}}}}}}}'
    ).encode()
