from __future__ import annotations

import gzip
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifyd.core.decode import Decoder, SourceFormat
from notifyd.core.dynamodb_json import typed_item
from notifyd.core.event import Decoded, Event, Filtered, Malformed, Record
from notifyd.core.filter_criteria import SourceKind, compile_filter_criteria
from notifyd.core.path import compile_path
from notifyd.core.sequence import Position

SHARD = "shardId-000000000001"
POSITION = Position("49500000000000000001", 3)
ENVELOPE: dict[str, Any] = {
    "id": "evt-1",
    "source": "payment_request_event",
    "detail-type": ["payment_notification_email"],
    "resources": ["payments"],
    "detail": {"user_id": "u-1", "amount": 12.5},
    "time": "2026-03-01T12:00:00Z",
    "region": "eu-central-1",
    "account": "123456789012",
}
ORDER = {"order_id": "o/1", "total": 5}


def kinesis(body: bytes) -> Record:
    return Record(POSITION, 1000.0, body, "partition-1")


def change(event_name: str = "INSERT", **images: dict[str, Any]) -> Record:
    typed = {name: typed_item(image) for name, image in images.items()}
    body = {
        "eventID": "1",
        "eventName": event_name,
        "eventSource": "aws:dynamodb",
        "dynamodb": {"SequenceNumber": POSITION.sequence, "ApproximateCreationDateTime": 1000, **typed},
    }
    return Record(POSITION, 1000.0, json.dumps(body).encode())


def one(decoder: Decoder, record: Record) -> Decoded:
    (decoded,) = decoder.decode(SHARD, [record])
    return decoded


def event_from(decoder: Decoder, record: Record) -> Event:
    decoded = one(decoder, record)
    assert isinstance(decoded, Event), decoded
    return decoded


def reason_from(decoder: Decoder, record: Record) -> str:
    decoded = one(decoder, record)
    assert isinstance(decoded, Malformed), decoded
    assert decoded.body == bytes(record.body)
    return decoded.reason


def kinesis_decoder(source_format: SourceFormat = SourceFormat.AUTO, **options: Any) -> Decoder:
    return Decoder(SourceKind.KINESIS, "orders", format=source_format, **options)


def table_decoder(*patterns: dict[str, Any], **options: Any) -> Decoder:
    criteria = compile_filter_criteria(patterns, SourceKind.DYNAMODB) if patterns else None
    return Decoder(SourceKind.DYNAMODB, "orders", filter_criteria=criteria, **options)


# --- forms ---


@pytest.mark.parametrize("source_format", [SourceFormat.AUTO, SourceFormat.ENVELOPE])
def test_an_envelope_on_kinesis_becomes_an_event(source_format: SourceFormat) -> None:
    event = event_from(kinesis_decoder(source_format), kinesis(json.dumps(ENVELOPE).encode()))
    assert event == Event(
        event_id="evt-1",
        source="payment_request_event",
        detail_type=("payment_notification_email",),
        detail=ENVELOPE["detail"],
        envelope=ENVELOPE,
        arrival_s=1000.0,
        position=POSITION,
        produced_at_s=1772366400.0,
    )


def test_an_item_of_the_events_table_is_the_same_event_as_on_kinesis() -> None:
    record = change(NewImage=ENVELOPE, Keys={"id": "evt-1"})
    from_table = event_from(table_decoder(), record)
    assert from_table == event_from(kinesis_decoder(), kinesis(json.dumps(ENVELOPE).encode()))


def test_a_detail_type_may_be_one_string_as_eventbridge_sends_it() -> None:
    event = event_from(kinesis_decoder(), kinesis(json.dumps({**ENVELOPE, "detail-type": "Paid"}).encode()))
    assert event.detail_type == ("Paid",)
    assert event.envelope["detail-type"] == ["Paid"]


def test_an_item_that_is_no_envelope_stands_under_detail() -> None:
    event = event_from(table_decoder(), change("MODIFY", NewImage=ORDER, Keys={"order_id": "o/1"}))
    assert (event.source, event.detail_type, event.detail) == ("orders", ("MODIFY",), ORDER)
    assert event.envelope == {
        "id": event.event_id,
        "source": "orders",
        "detail-type": ["MODIFY"],
        "detail": ORDER,
    }


def test_plain_json_stands_under_detail_even_where_it_looks_like_an_envelope() -> None:
    event = event_from(kinesis_decoder(SourceFormat.JSON), kinesis(json.dumps(ENVELOPE).encode()))
    assert (event.source, event.detail_type, event.detail) == ("orders", (), ENVELOPE)
    assert event_from(kinesis_decoder(), kinesis(json.dumps(ORDER).encode())).detail == ORDER


def test_a_table_may_be_read_through_kinesis_data_streams_for_dynamodb() -> None:
    record = kinesis(bytes(change(NewImage=ORDER, Keys={"order_id": "o/1"}).body))
    event = event_from(kinesis_decoder(SourceFormat.IMAGE), record)
    assert (event.detail_type, event.detail) == (("INSERT",), ORDER)


def through_kinesis(created_at: int, position: str, **images: dict[str, Any]) -> Record:
    """As Kinesis Data Streams for DynamoDB writes a change."""
    body = {
        "eventID": "b015b5f0-c095-4b50-8ad0-4279aa3d88c6",
        "eventName": "MODIFY",
        "tableName": "orders",
        "dynamodb": {
            "ApproximateCreationDateTime": created_at,
            **{name: typed_item(image) for name, image in images.items()},
        },
        "eventSource": "aws:dynamodb",
    }
    return Record(Position(position), 1000.0, json.dumps(body).encode(), "partition-1")


@pytest.mark.parametrize("key", ["o/1", "é" * 1100])
def test_copies_of_a_tables_change_on_kinesis_are_one_event(key: str) -> None:
    decoder = kinesis_decoder(SourceFormat.IMAGE)
    images: dict[str, dict[str, Any]] = {
        "Keys": {"order_id": key},
        "OldImage": ORDER,
        "NewImage": {**ORDER, "total": 6},
    }

    first = event_from(decoder, through_kinesis(1720740233012, "1", **images))
    copy = event_from(decoder, through_kinesis(1720740233012, "2", **images))

    assert first.own_id
    assert copy.event_id == first.event_id


def test_two_changes_of_an_item_on_kinesis_are_two_events() -> None:
    """In one millisecond as well: the images tell them apart."""
    decoder = kinesis_decoder(SourceFormat.IMAGE)
    totals = [(1, 5, 6), (1, 6, 5), (1, 6, 7), (2, 5, 6)]
    records = [
        through_kinesis(at, "1", Keys={"order_id": "a"}, OldImage={"total": old}, NewImage={"total": new})
        for at, old, new in totals
    ]

    assert len({event_from(decoder, record).event_id for record in records}) == len(records)


def test_a_raw_body_reads_like_bytes() -> None:
    body = bytes(change(NewImage=ORDER, Keys={"order_id": "o/1"}).body)
    assert event_from(table_decoder(), Record(POSITION, 0.0, msgspec.Raw(body))).detail == ORDER
    assert reason_from(table_decoder(), Record(POSITION, 0.0, msgspec.Raw(b"{")))


@pytest.mark.parametrize(
    ("time", "produced_at_s"),
    [
        ("2026-03-01T13:00:00+01:00", 1772366400.0),
        ("2026-03-01T12:00:00", 1772366400.0),
        ("soon", None),
        (5, None),
    ],
)
def test_an_unreadable_time_costs_the_time_alone(time: object, produced_at_s: float | None) -> None:
    event = event_from(kinesis_decoder(), kinesis(json.dumps({**ENVELOPE, "time": time}).encode()))
    assert event.produced_at_s == produced_at_s


# --- identity ---


def test_a_configured_path_names_the_event() -> None:
    decoder = kinesis_decoder(event_id=compile_path("detail.order_id"))
    assert event_from(decoder, kinesis(json.dumps(ORDER).encode())).event_id == "o/1"
    numbered = kinesis_decoder(event_id=compile_path("detail.total"))
    assert event_from(numbered, kinesis(json.dumps(ORDER).encode())).event_id == "5"


@pytest.mark.parametrize(
    ("decoder", "record"),
    [
        (kinesis_decoder(), kinesis(json.dumps(ENVELOPE).encode())),
        (kinesis_decoder(), kinesis(json.dumps(ORDER).encode())),
        (kinesis_decoder(event_id=compile_path("detail.order_id")), kinesis(json.dumps(ORDER).encode())),
        (table_decoder(), change(NewImage=ORDER, Keys={"order_id": "o/1"})),
        (table_decoder({"eventName": ["INSERT"]}), change(NewImage=ORDER, Keys={"order_id": "o/1"})),
        (table_decoder(), change(NewImage=ENVELOPE, Keys={"id": "evt-1"})),
        (kinesis_decoder(SourceFormat.IMAGE), change(NewImage=ORDER, Keys={"order_id": "o/1"})),
    ],
)
def test_an_id_is_the_events_own_where_another_record_may_bring_it_again(decoder: Decoder, record: Record) -> None:
    here = event_from(decoder, record)
    there = event_from(decoder, msgspec.structs.replace(record, position=Position("999")))
    assert here.own_id == (here.event_id == there.event_id)


def test_without_its_own_id_an_event_is_named_by_its_place_in_the_stream() -> None:
    event = event_from(kinesis_decoder(), kinesis(json.dumps(ORDER).encode()))
    assert event.event_id == f"orders/{SHARD}/49500000000000000001/3"


def test_a_tables_key_names_the_event_only_where_nothing_but_inserts_get_through() -> None:
    record = change(NewImage=ORDER, Keys={"order_id": "o/1", "at": 5})
    assert event_from(table_decoder(), record).event_id == "orders/5/o%2F1/49500000000000000001"
    assert event_from(table_decoder({"eventName": ["INSERT", "MODIFY"]}), record).event_id.endswith(
        "/49500000000000000001"
    )
    assert event_from(table_decoder({"eventName": ["INSERT"]}), record).event_id == "orders/5/o%2F1"


def test_a_key_too_long_for_the_log_gives_way_to_the_place_in_the_stream() -> None:
    record = change(NewImage=ORDER, Keys={"order_id": "é" * 1024})
    assert event_from(table_decoder({"eventName": ["INSERT"]}), record).event_id.startswith(f"orders/{SHARD}/")


# --- filter ---


def test_removals_and_ttl_deletes_are_no_events_unless_wanted() -> None:
    record = change("REMOVE", OldImage=ORDER, Keys={"order_id": "o/1"})
    assert one(table_decoder(), record) == Filtered(POSITION)
    event = event_from(table_decoder(removals=True), record)
    assert (event.detail_type, event.detail) == (("REMOVE",), ORDER)


FILTERS: list[tuple[dict[str, Any], bool]] = [
    ({"eventName": ["INSERT"]}, True),
    ({"eventName": ["MODIFY"]}, False),
    ({"dynamodb": {"NewImage": {"order_id": {"S": [{"prefix": "o/"}]}}}}, True),
    ({"dynamodb": {"NewImage": {"order_id": {"S": [{"prefix": "x"}]}}}}, False),
    ({"dynamodb": {"NewImage": {"total": {"N": ["5"]}}}}, True),
    ({"dynamodb": {"Keys": {"order_id": {"S": ["o/1"]}}}}, True),
    ({"dynamodb": {"OldImage": {"order_id": {"S": [{"exists": False}]}}}}, True),
    ({"eventName": ["INSERT"], "userIdentity": {"type": [{"exists": False}]}}, True),
]


@pytest.mark.parametrize(("pattern", "through"), FILTERS)
def test_filter_criteria_see_lambdas_record_form(pattern: dict[str, Any], *, through: bool) -> None:
    decoded = one(table_decoder(pattern), change(NewImage=ORDER, Keys={"order_id": "o/1"}))
    assert isinstance(decoded, Event if through else Filtered)


def test_a_ttl_delete_can_be_told_apart_as_with_lambda() -> None:
    body = json.loads(bytes(change("REMOVE", OldImage=ORDER).body))
    body["userIdentity"] = {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}
    record = Record(POSITION, 0.0, json.dumps(body).encode())
    by_ttl = {"userIdentity": {"type": ["Service"], "principalId": ["dynamodb.amazonaws.com"]}}
    assert isinstance(one(table_decoder(by_ttl, removals=True), record), Event)
    assert isinstance(one(table_decoder(by_ttl, removals=True), change("REMOVE", OldImage=ORDER)), Filtered)


def test_any_pattern_of_the_list_lets_through() -> None:
    decoder = table_decoder({"eventName": ["REMOVE"]}, {"eventName": ["INSERT"]})
    assert isinstance(one(decoder, change(NewImage=ORDER)), Event)


@pytest.mark.parametrize(
    ("pattern", "through"),
    [
        ({"data": {"total": [{"numeric": [">", 1]}]}}, True),
        ({"data": {"total": [{"numeric": [">", 9]}]}}, False),
        ({"partitionKey": ["partition-1"]}, True),
        ({"partitionKey": ["partition-2"]}, False),
    ],
)
def test_kinesis_is_filtered_by_data_and_partition_key(pattern: dict[str, Any], *, through: bool) -> None:
    decoder = kinesis_decoder(filter_criteria=compile_filter_criteria([pattern], SourceKind.KINESIS))
    assert isinstance(one(decoder, kinesis(json.dumps(ORDER).encode())), Event if through else Filtered)


def test_a_record_filtered_by_its_partition_key_is_never_parsed() -> None:
    criteria = compile_filter_criteria([{"partitionKey": ["other"]}], SourceKind.KINESIS)
    assert one(kinesis_decoder(filter_criteria=criteria), kinesis(b"no JSON")) == Filtered(POSITION)


# --- malformed ---

DEEP = b'{"a":' * 33 + b"1" + b"}" * 33
BROKEN: list[tuple[bytes, str]] = [
    (b"", "no JSON"),
    (b"{", "no JSON"),
    (gzip.compress(b"{}", mtime=0), "gzip"),
    (b'{"a": NaN}', "no JSON"),
    (b'{"a": 1e999}', "no JSON"),
    (b'{"a": "\\ud800x"}', "no JSON"),
    (b'{"a": "\xff"}', "no UTF-8"),
    (b"[1]", "type list"),
    (b"5", "type int"),
    (DEEP, "nested over 32 deep"),
    (b"[" * 100_000 + b"]" * 100_000, "nested over 32 deep"),
    (b'{"a": "' + b"x" * 300_000 + b'"}', "the limit is 300000"),
]


@pytest.mark.parametrize(("body", "reason"), BROKEN)
def test_a_body_that_no_event_can_be_made_of_is_malformed_with_its_reason(body: bytes, reason: str) -> None:
    assert reason in reason_from(kinesis_decoder(body_bytes_max=300_000), kinesis(body))


def test_nesting_as_deep_as_allowed_is_an_event() -> None:
    assert isinstance(one(kinesis_decoder(), kinesis(DEEP[5:-1])), Event)


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("id", None, "id is missing"),
        ("id", "", "id is empty"),
        ("id", True, "id is of type bool"),
        ("id", "x" * 2049, "at most 2048 bytes"),
        ("source", None, "source is missing"),
        ("source", 5, "source is of type int"),
        ("detail-type", None, "detail-type is missing"),
        ("detail-type", [5], "detail-type is of type list"),
        ("detail-type", "", "detail-type is"),
    ],
)
def test_an_envelope_without_what_makes_it_one_is_malformed(field: str, value: object, reason: str) -> None:
    body = json.dumps({**ENVELOPE, field: value}).encode()
    assert reason in reason_from(kinesis_decoder(SourceFormat.ENVELOPE), kinesis(body))


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (change("INSERT", Keys={"id": "1"}), "without its image"),
        (Record(POSITION, 0.0, b'{"eventName":"INSERT"}'), "no JSON of the kind wanted"),
        (Record(POSITION, 0.0, b'{"eventName":"INSERT","dynamodb":{"NewImage":{"a":{"N":"x"}}}}'), "no number"),
        (Record(POSITION, 0.0, b'{"eventName":"INSERT","dynamodb":{"NewImage":{"a":5}}}'), "Expected `object`"),
    ],
)
def test_a_change_without_a_readable_image_is_malformed(record: Record, reason: str) -> None:
    assert reason in reason_from(table_decoder(), record)


def test_a_path_that_cannot_be_put_to_the_event_makes_it_malformed() -> None:
    assert "length" in reason_from(
        kinesis_decoder(event_id=compile_path("length(detail.total)")), kinesis(b'{"total":5}')
    )
    assert "is missing" in reason_from(kinesis_decoder(event_id=compile_path("detail.gone")), kinesis(b"{}"))


def test_a_malformed_record_stops_none_of_its_neighbours() -> None:
    good = kinesis(json.dumps(ENVELOPE).encode())
    decoded = kinesis_decoder().decode(SHARD, [good, kinesis(b"{"), good])
    assert [type(each) for each in decoded] == [Event, Malformed, Event]


JSON_BODIES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(
            st.sampled_from([*ENVELOPE, "eventName", "dynamodb", "NewImage", "S", "N", "M", "L"]), below
        )
    ),
    max_leaves=15,
).map(lambda value: json.dumps(value).encode())


@given(body=st.binary(max_size=40) | JSON_BODIES, source_format=st.sampled_from(SourceFormat), table=st.booleans())
def test_whatever_stands_in_a_record_it_becomes_exactly_one_thing(
    body: bytes, source_format: SourceFormat, *, table: bool
) -> None:
    kind = SourceKind.DYNAMODB if table else SourceKind.KINESIS
    (decoded,) = Decoder(kind, "orders", format=source_format).decode(SHARD, [kinesis(body)])
    assert decoded.position == POSITION
