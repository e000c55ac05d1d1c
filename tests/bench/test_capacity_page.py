"""What a rate takes and costs, reckoned from what one event was measured to take."""

from __future__ import annotations

import msgspec
import pytest

from bench.capacity.__main__ import DEFAULT_PRICES
from bench.capacity.measured import Measured, measured_of
from bench.capacity.page import page
from bench.capacity.plan import USE_MAX, Prices, plan, planned_per_vcpu
from bench.contestants import SourceKind
from bench.expected import Expected
from bench.figures import Latency, Spent, Window
from bench.measure import SATURATED, Measurement
from bench.report import Entry, Report
from bench.workloads.workload import Contestant

PRICES = msgspec.json.decode(DEFAULT_PRICES.read_bytes(), type=Prices)
# 70 % of ten thousand a core.
KINESIS = Measured(
    source=SourceKind.KINESIS,
    event_bytes=600,
    shards=10,
    rate_per_s=5_000,
    saturated_per_core_s=16_000,
    cpu_us=100,
    rss_max_mib=250,
    calls={"GetRecords": 0.01, "SendBulkEmail": 0.02, "Scan": 0.0002},
    units={"log written": 2, "log bytes": 500, "users read": 1, "leases written": 0.02, "leases read": 0.0004},
)
STREAMS = msgspec.structs.replace(KINESIS, source=SourceKind.DYNAMODB)


def test_a_vcpu_is_planned_with_a_part_of_what_a_rate_allows() -> None:
    assert planned_per_vcpu(KINESIS) == USE_MAX * 10_000


def test_replicas_carry_the_rate_with_one_to_spare() -> None:
    assert [plan(KINESIS, rate_per_s, PRICES).replicas for rate_per_s in (7_000, 7_001, 100_000)] == [2, 3, 16]


@pytest.mark.parametrize(
    ("event_bytes", "shards"),
    [(600, 15), (5_000, 69)],  # by records: 10,000 / 700; by bytes: 50,000,000 / 734,003
)
def test_kinesis_needs_shards_by_records_or_by_bytes_whichever_are_more(event_bytes: int, shards: int) -> None:
    assert plan(msgspec.structs.replace(KINESIS, event_bytes=event_bytes), 10_000, PRICES).shards == shards


def test_calls_of_events_grow_with_the_rate_and_those_by_the_clock_with_the_replicas() -> None:
    at = {rate: plan(KINESIS, rate, PRICES) for rate in (10_000.0, 100_000.0)}
    assert [one.calls_per_s["SendBulkEmail"] for one in at.values()] == [200, 2_000]
    assert [one.calls_per_s["Scan"] for one in at.values()] == [one.replicas * 1.0 for one in at.values()]


def test_a_million_notifications_cost_what_their_units_do() -> None:
    dollars = plan(KINESIS, 10_000, PRICES).dollars
    assert dollars["delivery log, written"] == pytest.approx(2 * 0.625)
    assert dollars["contacts and settings, read"] == pytest.approx(0.125)
    # 100 s of 15 shards.
    assert dollars["Kinesis, shards"] == pytest.approx(15 * 0.015 * 100 / 3600)
    # Three workers for one, 15 shards' items for 10, in half the time.
    assert dollars["ledger, read"] == pytest.approx(0.0004 * 3 * 1.5 / 2 * 0.125)
    assert "DynamoDB Streams, read" not in dollars


def test_a_stream_of_dynamodb_is_paid_by_its_reads() -> None:
    dollars = plan(STREAMS, 10_000, PRICES).dollars
    assert dollars["DynamoDB Streams, read"] == pytest.approx(0.01 * 0.2)
    assert "Kinesis, shards" not in dollars


def test_other_prices_make_another_bill() -> None:
    dear = msgspec.structs.replace(PRICES, dynamodb_million_writes=10 * PRICES.dynamodb_million_writes)
    assert plan(KINESIS, 10_000, dear).dollars["ledger, written"] == pytest.approx(10 * 0.02 * 0.625)


def _window(events: int, wall_s: float, cpu_s: float) -> Window:
    spent = Spent(wall_s, cpu_s, loop_cpu_s=cpu_s, queued_s=0.0, servers_cpu_s=0.1)
    calls = {"GetRecords": events // 100}
    return Window.of(events, events, spent, Latency(), calls, dict.fromkeys(KINESIS.units, 0.02 * events))


def _report(windows: dict[str, Window]) -> Report:
    counts = dict.fromkeys(
        ("produced", "lost", "duplicates", "bad_ids", "log_rows_missing", "queued", "connections", "exit_code"), 0
    )
    round_ = Measurement(windows=windows, figures=[], expected=Expected(0, 0), rss_max_mib=100.0, **counts)
    return Report(
        command="python -m bench --json r.json",
        measured_on="2026-11-23",
        shards=10,
        users=1_000_000,
        event_bytes=600,
        workload="email",
        title="",
        cores="",
        load_average=0.5,
        entries=[
            Entry(SourceKind.KINESIS, Contestant.DAEMON, [round_]),
            Entry(SourceKind.KINESIS, Contestant.PEER, [round_]),
        ],
        ratios={},
    )


def test_a_report_says_of_the_daemon_what_an_event_took_at_the_rate() -> None:
    report = _report({SATURATED: _window(1_000, 0.1, 0.1), "paced": _window(1_000, 0.2, 0.15)})
    (measured,) = measured_of(report)
    assert (measured.saturated_per_core_s, measured.rate_per_s) == (10_000, 5_000)
    assert measured.cpu_us == pytest.approx(150)
    assert measured.calls == {"GetRecords": 0.01}


def test_without_a_rate_nothing_can_be_planned_and_it_says_why() -> None:
    with pytest.raises(ValueError, match="takes a saturated part and one at a rate"):
        measured_of(_report({SATURATED: _window(1_000, 0.1, 0.1)}))


def test_the_page_names_command_and_date_and_holds_every_price() -> None:
    report = _report({SATURATED: _window(1_000, 0.1, 0.1), "paced": _window(1_000, 0.2, 0.15)})
    text = page(report, measured_of(report), PRICES)
    assert "Measured 2026-11-23" in text
    assert "`python -m bench --json r.json`" in text
    amounts = [value for value in msgspec.structs.astuple(PRICES) if isinstance(value, float)]
    assert [amount for amount in amounts if f"| {amount:g} |" not in text] == []
