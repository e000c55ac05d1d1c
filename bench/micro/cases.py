"""What is measured, each over a batch of the size that walks the pipeline."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import count

import msgspec

from bench.micro.preparing import prepare_part
from bench.servers.dynamodb_streams import stream_record
from bench.servers.events import Shape, Stamp, envelope, event_id, user_id
from bench.servers.kinesis import kinesis_record
from bench.servers.stream import Stream
from bench.workloads.workload import FIXTURES
from notifyd.aws.dynamodb_streams_calls import STREAM_RECORD
from notifyd.aws.dynamodb_streams_calls import GetRecordsAnswer as StreamsPage
from notifyd.aws.kinesis_calls import GetRecordsAnswer as KinesisPage
from notifyd.aws.log_items import item_of
from notifyd.core.account import Account
from notifyd.core.channel import Channel, InDoubt, Lane
from notifyd.core.decode import Decoder
from notifyd.core.delivery_id import Identity
from notifyd.core.event import Event, Record
from notifyd.core.filter_criteria import SourceKind
from notifyd.core.fingerprints import Fingerprints
from notifyd.core.log_row import LogRow
from notifyd.core.log_rows import RowMaker
from notifyd.core.message import Delivery
from notifyd.core.outcome import Accepted
from notifyd.core.render import TemplateSet
from notifyd.core.sequence import Position
from notifyd.core.ttl_cache import TtlCache
from notifyd.core.window import Window
from notifyd.flow.held_ids import HeldIds
from notifyd.providers._ses_request import Envelope, bulk_body
from notifyd.wire.credentials import Credentials
from notifyd.wire.sigv4 import Signer

BATCH = 100
_SHAPE = Shape(users=10_000, event_bytes=600)
_NOW_S = 1_700_000_000.0
_POSITION = "kinesis:bench-events/shardId-000000000003/49500000300000000000000000000000000000000000000000000012:0"


class Case(msgspec.Struct, frozen=True):
    """`prepare` makes what is then run; a run does `units` of what the figure is told of."""

    name: str
    prepare: Callable[[], Callable[[], object]]
    unit: str = "event"
    units: int = BATCH


def _kinesis_page() -> Callable[[], object]:
    page = b'{"Records":[%b],"NextShardIterator":"x"}' % _page_of(Stream(1, kinesis_record(_SHAPE)))
    decoder = msgspec.json.Decoder(KinesisPage)
    return lambda: decoder.decode(page)


def _streams_page() -> Callable[[], object]:
    page = b'{"Records":[%b],"NextShardIterator":"x"}' % _page_of(Stream(1, stream_record(_SHAPE)))
    decoder = msgspec.json.Decoder(StreamsPage)
    return lambda: [STREAM_RECORD.decode(record) for record in decoder.decode(page).records]


def _page_of(stream: Stream) -> bytes:
    stream.append(BATCH, 0.0, _NOW_S)
    return stream.shards[0].page(0, BATCH, 2**30, _NOW_S).body


def _kinesis_records() -> list[Record]:
    return [
        Record(Position(f"{number:056d}"), _NOW_S, envelope(_SHAPE, Stamp(number, _NOW_S)), f"p{number}")
        for number in range(BATCH)
    ]


def _stream_records() -> list[Record]:
    render = stream_record(_SHAPE)
    return [
        Record(Position(f"{number:025d}"), _NOW_S, msgspec.Raw(render(0, number, Stamp(number, _NOW_S)).text))
        for number in range(BATCH)
    ]


def _decode_kinesis() -> Callable[[], object]:
    return _decode(Decoder(SourceKind.KINESIS, "bench-events"), _kinesis_records())


def _decode_streams() -> Callable[[], object]:
    return _decode(Decoder(SourceKind.DYNAMODB, "bench-events"), _stream_records())


def _decode(decoder: Decoder, records: list[Record]) -> Callable[[], object]:
    # A malformed record is cheap, and its figure would please.
    assert all(isinstance(decoded, Event) for decoded in decoder.decode("shard", records))
    return lambda: decoder.decode("shard", records)


def _events() -> list[Event]:
    decoded = Decoder(SourceKind.KINESIS, "bench-events").decode("shard", _kinesis_records())
    return [event for event in decoded if isinstance(event, Event)]


def _delivery_ids() -> Callable[[], object]:
    identity = Identity([("1", b"secret")])
    events = [(event_id(number), _SHAPE.user_id(number)) for number in range(BATCH)]
    return lambda: [
        identity.delivery_id(event, user, "bench_payment", "email", f"{user}@bench.example")
        for event, user in events
    ]


def _templates() -> TemplateSet:
    folder = FIXTURES / "templates"
    texts = {str(path.relative_to(folder)): path.read_text() for path in folder.glob("*/*")}
    templates, findings = TemplateSet.compile("1", texts)
    assert not findings
    return templates


def _render() -> Callable[[], object]:
    templates = _templates()
    contexts = [{"event": event.envelope, "data": event.detail, "user": {}, "facts": {}} for event in _events()]
    return lambda: [templates.render("bench_payment", Channel.EMAIL, context) for context in contexts]


def _deliveries() -> list[Delivery]:
    templates = _templates()
    return [
        Delivery(
            delivery_id=f"{number:026d}",
            event_id=event.event_id,
            user_id=event.detail["user_id"],
            type_name="bench_payment",
            channel=Channel.EMAIL,
            address=f"{event.detail['user_id']}@bench.example",
            lane=Lane.TRANSACTIONAL,
            in_doubt=InDoubt.RESEND,
            arrival_s=_NOW_S,
            deadline_at_s=_NOW_S + 86_400,
            message=templates.render("bench_payment", Channel.EMAIL, {"data": event.detail}),
        )
        for number, event in enumerate(_events())
    ]


def _ses_body() -> Callable[[], object]:
    sender = Envelope("Bench <bench@bench.example>", (), None)
    mails = [(delivery.address, delivery) for delivery in _deliveries()[:50]]
    return lambda: bulk_body(sender, mails)


def _log_rows() -> list[LogRow]:
    maker = RowMaker(ttl_s=14 * 86_400)
    return [
        maker.outcome_row(delivery, Accepted("0102018f-bench"), position=_POSITION, at_s=_NOW_S, provider="ses")
        for delivery in _deliveries()
    ]


def _make_rows() -> Callable[[], object]:
    maker, deliveries, outcome = RowMaker(ttl_s=14 * 86_400), _deliveries(), Accepted("0102018f-bench")
    return lambda: [
        maker.outcome_row(delivery, outcome, position=_POSITION, at_s=_NOW_S, provider="ses")
        for delivery in deliveries
    ]


def _log_items() -> Callable[[], object]:
    rows = _log_rows()
    return lambda: msgspec.json.encode([item_of(row, row.row) for row in rows])


def _window() -> Callable[[], object]:
    places = [Position(f"{number:056d}") for number in range(BATCH)]
    arrivals_s = [_NOW_S] * BATCH
    window = Window()

    def run() -> None:
        first, _ = window.append(places, arrivals_s)
        window.claim(first + BATCH)
        for index in range(first, first + BATCH):
            window.settle(index, Account.EXPANDED)
        window.advance()
        window.progress()

    return run


def _repeats() -> Callable[[], object]:
    """Of the sizes shipped, half full; each run brings ids that were not met before."""
    fingerprints, held = Fingerprints(window_s=900.0, bytes_max=16 << 20), HeldIds({})
    numbers = count()
    fingerprints.note([event_id(next(numbers)) for _ in range(500_000)], 0.0, 0.0)

    def run() -> None:
        event_ids = [event_id(next(numbers)) for _ in range(BATCH)]
        for one in event_ids:
            held.hold(one, _POSITION)
        fingerprints.note(event_ids, 1.0, 1.0)
        for one in event_ids:
            held.let_go(one)

    return run


def _remembered() -> Callable[[], object]:
    """50,000 remembered, as at 10,000 new ones a second: each run takes in a batch and drops one."""
    cache: TtlCache[int] = TtlCache(ttl_s=5.0, entries_max=200_000)
    numbers = count()

    def run() -> None:
        batch = {user_id(next(numbers)): 0 for _ in range(BATCH)}
        now_s = next(numbers) / 10_000
        cache.remember(batch, now_s, now_s)

    while next(numbers) < 55_000:
        run()
    return run


def _signature() -> Callable[[], object]:
    signer, credentials, body = (
        Signer(service="dynamodb", region="eu-central-1"),
        Credentials("AKID", "s"),
        b"x" * 4096,
    )
    target = "DynamoDB_20120810.BatchWriteItem"

    def run() -> None:
        headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": target, "host": "localhost"}
        signer.sign(credentials, method="POST", path="/", headers=headers, body=body, now_s=_NOW_S)

    return run


CASES = (
    Case("read: a Kinesis page", _kinesis_page),
    Case("read: a DynamoDB Streams page, images raw", _streams_page),
    Case("decode: envelope from Kinesis, 600 B", _decode_kinesis),
    Case("decode: image from DynamoDB Streams, 1 KB", _decode_streams),
    Case("users: remembered, and the oldest dropped", _remembered, "user"),
    Case("delivery id", _delivery_ids, "delivery"),
    Case("render: subject, text, 2 KB HTML", _render, "mail"),
    Case("prepare: all but dedupe, a mail", partial(prepare_part, "notifications.yaml", Channel.EMAIL, BATCH)),
    Case(
        "prepare: all but dedupe, a push",
        partial(prepare_part, "notifications_push.yaml", Channel.PUSH_IOS, BATCH),
    ),
    Case("SES body of 50 mails", _ses_body, "mail", 50),
    Case("window: append, claim, settle, advance", _window),
    Case("dedupe: an id met, held, let go", _repeats),
    Case("log row: made of an outcome", _make_rows, "row"),
    Case("log row: its key, and as an item", _log_items, "row"),
    Case("SigV4 over 4 KB", _signature, "call", 1),
)
