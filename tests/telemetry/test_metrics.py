"""What a scrape sees."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from notifyd.core.account import Account
from notifyd.core.channel import Channel
from notifyd.core.log_row import RowKind
from notifyd.core.log_rows import RowMaker
from notifyd.core.outcome import Reason
from notifyd.core.suppression import SuppressionReason
from notifyd.flow.alert_desk import AlertDesk
from notifyd.flow.prepared import Prepared
from notifyd.flow.watch import Watch
from notifyd.telemetry.instruments import LATENCY_BOUNDS_S
from notifyd.telemetry.metrics import Metrics
from tests.fakes.queues import FakeAlerts
from tests.fakes.system import FakeClock

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def metrics() -> Metrics:
    return make()


def make() -> Metrics:
    return Metrics(CollectorRegistry(), version="1.2.3", providers={Channel.EMAIL: ["ses"]}, sources=["orders"])


def scrape(metrics: Metrics) -> Series:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, **labels: str) -> float:
    return scrape(metrics)[name, frozenset(labels.items())]


def test_series_of_known_labels_are_there_from_the_start_at_zero(metrics: Metrics) -> None:
    before = scrape(metrics)
    for reason in Reason:
        answer = {"channel": "email", "provider": "ses", "outcome": "deferred", "reason": reason.value}
        assert before["notifyd_deliveries_total", frozenset(answer.items())] == 0
    assert before["notifyd_records_total", frozenset({("source", "orders")})] == 0
    assert before["notifyd_events_total", frozenset({("account", "malformed")})] == 0
    assert before["notifyd_source_to_accepted_seconds_count", frozenset({("channel", "email")})] == 0


def test_counting_what_was_known_makes_no_new_series(metrics: Metrics) -> None:
    before = scrape(metrics)
    metrics.answers.add_all(
        {("email", "ses", "accepted", ""): 49, ("email", "ses", "deferred", Reason.THROTTLED): 1}
    )
    metrics.answers.add(1, Channel.EMAIL, "ses", "accepted", "")
    metrics.slots_in_use.set(17)
    assert scrape(metrics).keys() == before.keys()
    accepted = {"channel": "email", "provider": "ses", "outcome": "accepted", "reason": ""}
    assert value(metrics, "notifyd_deliveries_total", **accepted) == 50
    assert value(metrics, "notifyd_slots_in_use") == 17


def test_what_is_decided_for_a_user_without_a_channel_makes_no_new_series(metrics: Metrics) -> None:
    before = scrape(metrics)
    clock = FakeClock()
    watch = Watch(clock, metrics, AlertDesk(FakeAlerts(), clock, fold_s=60.0))
    row = RowMaker(86_400.0).undelivered_row(
        event_id="e-1",
        delivery_id="d-1",
        kind=RowKind.SUPPRESSED,
        position="",
        at_s=0.0,
        reason=SuppressionReason.NO_ADDRESS,
        user_id="a",
        type_name="paid",
        channel=None,
    )
    watch.planned([Prepared(0, Account.EXPANDED, 1, rows=[row])])
    assert scrape(metrics).keys() == before.keys()
    assert value(metrics, "notifyd_deliveries_planned_total", channel="none") == 1
    none = {"channel": "none", "reason": SuppressionReason.NO_ADDRESS.value}
    assert value(metrics, "notifyd_deliveries_suppressed_total", **none) == 1


def test_a_released_shards_series_goes_with_it(metrics: Metrics) -> None:
    metrics.iterator_age.set(3.5, "orders", "shardId-1")
    assert value(metrics, "notifyd_iterator_age_seconds", source="orders", shard="shardId-1") == 3.5
    metrics.iterator_age.remove("orders", "shardId-1")
    metrics.iterator_age.remove("orders", "shardId-1")
    assert not [name for name, _ in scrape(metrics) if name == "notifyd_iterator_age_seconds"]


def test_every_metric_has_its_prefix_and_help(metrics: Metrics) -> None:
    metrics.aws_calls.add(1, "dynamodb", "ok")
    families = list(text_string_to_metric_families(metrics.text().decode()))
    assert all(family.name.startswith("notifyd_") and family.documentation for family in families)
    assert value(metrics, "notifyd_aws_calls_total", service="dynamodb", outcome="ok") == 1


@given(seconds=st.lists(st.floats(0, 10_000)))
def test_a_histogram_counts_each_value_in_every_bucket_that_holds_it(seconds: list[float]) -> None:
    metrics = make()
    metrics.latency.observe_all(seconds, "email")
    series = scrape(metrics)
    name = "notifyd_source_to_accepted_seconds"
    for bound in LATENCY_BOUNDS_S:
        bucket = frozenset({("channel", "email"), ("le", str(float(bound)))})
        assert series[f"{name}_bucket", bucket] == sum(value <= bound for value in seconds)
    assert series[f"{name}_count", frozenset({("channel", "email")})] == len(seconds)
    assert series[f"{name}_sum", frozenset({("channel", "email")})] == pytest.approx(sum(seconds))
