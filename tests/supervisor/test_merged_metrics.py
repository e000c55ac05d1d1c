"""Expositions of several workers as one."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from notifyd.core.channel import Channel
from notifyd.http.merged_metrics import Families, MergedMetrics, exposition, read_exposition
from notifyd.telemetry.metrics import Metrics


def _metrics() -> Metrics:
    return Metrics(
        CollectorRegistry(),
        version="1.2.3",
        providers={Channel.EMAIL: ["ses"]},
        sources=["kinesis:orders"],
    )


def _read(metrics: Metrics) -> Families:
    return read_exposition(metrics.text().decode())


def _lines(families: Families) -> list[str]:
    return exposition(families, []).decode().splitlines()


def test_one_workers_exposition_comes_out_as_it_went_in() -> None:
    metrics = _metrics()
    metrics.latency.observe_all([0.02, 7.0, 5000.0], "email")
    metrics.iterator_age.set(1.5, "kinesis:orders", 'shard "1"\\\n')
    created = [line for line in metrics.text().decode().splitlines() if "_created" not in line]
    assert _lines(MergedMetrics().merge({(0, 0): _read(metrics)})) == created


def test_counters_gauges_and_histograms_are_summed_by_name_and_labels() -> None:
    one, two = _metrics(), _metrics()
    for metrics, amount in ((one, 3), (two, 4)):
        metrics.records.add(amount, "kinesis:orders")
        metrics.slots_in_use.set(amount)
        metrics.latency.observe_all([0.02] * amount, "email")
    two.records.add(5, "dynamodb:other")
    merged = _lines(MergedMetrics().merge({(0, 0): _read(one), (1, 0): _read(two)}))
    assert 'notifyd_records_total{source="kinesis:orders"} 7.0' in merged
    assert 'notifyd_records_total{source="dynamodb:other"} 5.0' in merged
    assert "notifyd_slots_in_use 7.0" in merged
    assert 'notifyd_source_to_accepted_seconds_bucket{channel="email",le="0.01"} 0.0' in merged
    assert 'notifyd_source_to_accepted_seconds_bucket{channel="email",le="0.025"} 7.0' in merged
    assert 'notifyd_source_to_accepted_seconds_count{channel="email"} 7.0' in merged


def test_what_each_worker_sees_whole_is_not_counted_twice() -> None:
    one, two = _metrics(), _metrics()
    for metrics, depth in ((one, 40), (two, 42)):
        metrics.retry_depth.set(depth, "email")
        metrics.iterator_age.set(depth, "kinesis:orders", "1")
    merged = _lines(MergedMetrics().merge({(0, 0): _read(one), (1, 0): _read(two)}))
    assert 'notifyd_retry_queue_depth{channel="email"} 42.0' in merged
    assert 'notifyd_iterator_age_seconds{shard="1",source="kinesis:orders"} 42.0' in merged
    assert [line.rpartition(" ")[2] for line in merged if line.startswith("notifyd_build_info")] == ["1.0"]


def test_a_gauge_of_a_worker_that_is_silent_is_not_known_and_its_counters_stay() -> None:
    metrics = _metrics()
    metrics.slots_in_use.set(9)
    metrics.records.add(3, "kinesis:orders")
    merged = MergedMetrics()
    merged.merge({(0, 0): _read(metrics)})
    lines = _lines(merged.merge({(0, 0): None}))
    assert 'notifyd_records_total{source="kinesis:orders"} 3.0' in lines
    assert not [line for line in lines if "slots_in_use" in line]


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from(["counts", "is silent", "is replaced"]), st.integers(0, 9)),
        max_size=30,
    )
)
def test_a_counter_never_falls_and_nothing_scraped_is_lost(steps: list[tuple[int, str, int]]) -> None:
    merged = MergedMetrics()
    lives, counted = [0, 0, 0], [0, 0, 0]
    totals, scraped = [0.0], 0
    for worker, what, amount in steps:
        silent = what == "is silent"
        if what == "is replaced":
            lives[worker] += 1
            counted[worker] = 0
        elif what == "counts":
            counted[worker] += amount
            scraped += amount
        said = {
            (number, lives[number]): None if silent and number == worker else _one_counter(counted[number])
            for number in range(3)
        }
        families = merged.merge(said)
        totals.append(families["notifyd_records"].values["notifyd_records_total", ()])
    assert all(before <= after for before, after in pairwise(totals))
    assert totals[-1] == scraped


def _one_counter(value: int) -> Families:
    return read_exposition(f"# TYPE notifyd_records_total counter\nnotifyd_records_total {value}\n")
