"""The daily mix: what is expected of it is what the daemon's own rules make of its users."""

from __future__ import annotations

from collections import Counter
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest

from bench.accepted import Accepted
from bench.expected import Expected, expected
from bench.options import Options
from bench.servers.events import Shape, Stamp, envelope, user_id
from bench.servers.http import Request
from bench.servers.people import DEVICES_MAX, People, device_place
from bench.servers.sinks import Sinks
from bench.servers.stream import Rendered, Stream
from bench.servers.tally import Tally
from bench.workloads import WORKLOADS
from bench.workloads.daily import DAILY
from notifyd.core.dynamodb_json import decode_item
from notifyd.core.user_items import Damage, read_contact, read_settings
from notifyd.providers._sms import number_of

ID_1, ID_2 = "A" * 26, "B" * 26
SHAPE = Shape(users=1_000, event_bytes=600, detail_types=DAILY.detail_types)


def test_types_come_ten_to_five_to_one() -> None:
    count = 20_000
    seen = Counter(
        msgspec.json.decode(envelope(SHAPE, Stamp(n, 1_700_000_000.0)))["detail-type"][0] for n in range(count)
    )
    assert seen["bench_push"] == pytest.approx(count * 10 / 16, rel=0.05)
    assert seen["bench_mail"] == pytest.approx(count * 5 / 16, rel=0.05)
    assert seen["bench_sms"] == pytest.approx(count / 16, rel=0.1)


def test_what_is_expected_is_what_the_daemon_reads_of_the_users() -> None:
    damages: list[Damage] = []
    numbers = range(500)
    deliveries = suppressed = 0
    for number in numbers:
        user = SHAPE.user_id(number)
        settings = read_settings(user, decode_item(DAILY.people.settings_item(user)), damages)
        contact = read_contact(user, decode_item(DAILY.people.contact_item(user)), damages)
        if settings.opted_out:
            suppressed += 1
        else:
            deliveries += len(contact.device_tokens) if SHAPE.detail_type(number) == "bench_push" else 1
    assert not damages
    assert DAILY.expects(numbers, Options(users=1_000)) == Expected(deliveries, suppressed)
    assert suppressed == pytest.approx(len(numbers) / 10, rel=0.3)
    assert deliveries > len(numbers) - suppressed


def test_without_people_of_its_own_an_event_is_one_delivery() -> None:
    shape = Shape(users=10, event_bytes=600)
    assert expected(range(7, 30), shape, People(), frozenset()) == Expected(23, 0)


def test_every_users_number_is_one_that_a_network_has() -> None:
    for number in (0, 1, 9_999, 999_999):
        damages: list[Damage] = []
        contact = read_contact(user_id(number), decode_item(People().contact_item(user_id(number))), damages)
        assert contact.phone is not None
        assert number_of(contact.phone) == contact.phone


def test_a_device_that_gets_an_event_twice_is_told_from_two_that_get_it_once() -> None:
    tally, text = Tally(), b"bench-mark:4:1700000000000;"
    places = [device_place(token) for token in People(devices=(DEVICES_MAX,)).tokens(3)]
    assert places == list(range(DEVICES_MAX))
    tally.accept(text, ID_1, 1.0, places[0])
    tally.accept(text, ID_2, 1.0, places[7])
    assert (tally.stats()["unique"], tally.stats()["duplicates"], tally.stats()["bad_ids"]) == (2, 0, 0)
    tally.accept(text, ID_1, 1.0, places[7])
    assert (tally.stats()["unique"], tally.stats()["duplicates"]) == (2, 1)


def sms(number: int, delivery_id: str) -> Request:
    form = {
        "Action": "Publish",
        "PhoneNumber": "+4915100000001",
        "Message": f"bench-mark:{number}:1700000000000;",
        "MessageAttributes.entry.1.Name": "delivery_id",
        "MessageAttributes.entry.1.Value.StringValue": delivery_id,
    }
    return Request("POST", "/", "", urlencode(form).encode())


def test_an_sms_is_counted_beside_the_mails_and_is_no_alert() -> None:
    sinks = Sinks("bench", latency_s=0.05)
    assert b"<MessageId>" in sinks.answer(sms(0, ID_1)).body
    assert sinks.answer(sms(0, ID_1)).delay_s == 0.05
    stats = sinks.control("stats", b"")
    counted = [stats[name] for name in ("accepted", "unique", "duplicates", "bad_ids", "alerts")]
    assert counted == [2, 1, 1, 0, 0]


def test_counters_are_put_together_with_their_latencies() -> None:
    one = {"accepted": 3, "unique": 3, "duplicates": 0, "bad_ids": 0, "last_accepted_s": 5.0}
    many: dict[str, Any] = {**one, "accepted": 1, "last_accepted_s": 7.0, "latencies": {"900": 1}}
    both = Accepted.of([{**one, "latencies": {"10": 2, "20": 1}}, many])
    assert (both.accepted, both.unique, both.last_accepted_s) == (4, 6, 7.0)
    assert (both.latency.p50_ms, both.latency.p99_ms) == (20, 900)


@pytest.mark.parametrize(
    ("hot_percent", "shares"), [(0, [1, 1, 1, 1]), (90, [3.7, 0.1, 0.1, 0.1]), (100, [4, 0, 0, 0])]
)
def test_the_first_shard_gets_the_share_it_is_to_have(hot_percent: int, shares: list[float]) -> None:
    stream = Stream(4, lambda _index, _place, _stamp: Rendered(b"", 1), hot_percent)
    stream.append(40_000, 0.0, 1.0)
    assert [len(shard) / 10_000 for shard in stream.shards] == pytest.approx(shares, rel=0.1)


def test_every_workload_has_a_name_of_its_own_and_what_it_needs_on_disk() -> None:
    assert all(name == workload.name and workload.catalog.is_file() for name, workload in WORKLOADS.items())
    assert {"daily", "large", "hot-shard", "catch-up", "idle", "million", "rates", "latency"} <= set(WORKLOADS)
