"""docs/capacity.md, from a report of the bench and a table of prices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import jinja2
import msgspec

from bench.capacity.measured import Measured
from bench.capacity.plan import LOG_DAYS, TASK_GB, TASK_VCPUS, USE_MAX, Plan, Prices, plan, planned_per_vcpu
from bench.report import Report
from notifyd.core.filter_criteria import SourceKind

RATES_PER_S = (10_000.0, 100_000.0)
_TEMPLATE = Path(__file__).with_name("capacity.md.j2")
_VCPUS = (1, 2, 4, 8, 16)
_NAMES: dict[str, str] = {SourceKind.KINESIS: "Kinesis", SourceKind.DYNAMODB: "DynamoDB Streams"}
# Fewer a second than this say nothing about a fleet.
_CALLS_SHOWN_MIN_PER_S = 1.0


class _Source(msgspec.Struct):
    name: str
    needs_table: str
    dollars_table: str


def page(report: Report, measured: Sequence[Measured], prices: Prices) -> str:
    # Markdown, made of our own figures.
    template = jinja2.Template(_TEMPLATE.read_text(), undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    text: str = template.render(
        report=report,
        prices=prices,
        use_percent=round(100 * USE_MAX),
        log_days=LOG_DAYS,
        rate_per_s=measured[0].rate_per_s,
        per_shard=measured[0].rate_per_s / measured[0].shards,
        measured_table=_measured_table(measured),
        vcpus_table=_vcpus_table(measured),
        prices_table=_prices_table(prices),
        sources=[_source(one, prices) for one in measured],
    )
    return text


def _measured_table(measured: Sequence[Measured]) -> str:
    calls = sorted({name for one in measured for name in _calls_shown(one)})
    units = sorted({name for one in measured for name in one.units})
    rows = [
        ["events/s a core, saturated", *(f"{one.saturated_per_core_s:,.0f}" for one in measured)],
        ["then at a rate, events/s", *(f"{one.rate_per_s:,.0f}" for one in measured)],
        ["… CPU µs an event", *(f"{one.cpu_us:.0f}" for one in measured)],
        ["… RSS, most, MiB", *(f"{one.rss_max_mib:.0f}" for one in measured)],
        *(
            [f"… {name} per 100 events", *(f"{100 * one.calls.get(name, 0):.2f}" for one in measured)]
            for name in calls
        ),
        *(
            [f"… {_unit_title(name)} an event", *(f"{one.units.get(name, 0):.3f}" for one in measured)]
            for name in units
        ),
    ]
    return _table(["", *(_NAMES[one.source] for one in measured)], rows)


def _calls_shown(measured: Measured) -> list[str]:
    return [
        name for name, count in measured.calls.items() if count * measured.rate_per_s >= _CALLS_SHOWN_MIN_PER_S
    ]


def _unit_title(name: str) -> str:
    table, _, what = name.rpartition(" ")
    match what:
        case "written":
            return f"write units, {table}"
        case "read":
            return f"read units, {table}"
        case _:
            return name


def _vcpus_table(measured: Sequence[Measured]) -> str:
    heads = [f"{_NAMES[one.source]}, {what}" for one in measured for what in ("most", "to plan with")]
    rates = [rate for one in measured for rate in (one.saturated_per_core_s, planned_per_vcpu(one))]
    return _table(
        ["vCPUs", *heads], ([str(vcpus), *(f"{vcpus * rate:,.0f}" for rate in rates)] for vcpus in _VCPUS)
    )


def _source(measured: Measured, prices: Prices) -> _Source:
    plans = [plan(measured, rate_per_s, prices) for rate_per_s in RATES_PER_S]
    heads = [f"{each.rate_per_s:,.0f}/s" for each in plans]
    return _Source(_NAMES[measured.source], _needs_table(measured, plans, heads), _dollars_table(plans, heads))


def _needs_table(measured: Measured, plans: Sequence[Plan], heads: Sequence[str]) -> str:
    replicas = f"replicas of {TASK_VCPUS} vCPU and {TASK_GB} GB, one to spare"
    rows = [
        ["shards, at least", *(f"{each.shards:,}" for each in plans)],
        [replicas, *(f"{each.replicas:,}" for each in plans)],
        *([f"{call}/s", *(f"{each.calls_per_s[call]:,.0f}" for each in plans)] for call in _calls_shown(measured)),
        ["AWS calls/s in all", *(f"{sum(each.calls_per_s.values()):,.0f}" for each in plans)],
        [
            "AWS calls of a million notifications",
            *(f"{1e6 * sum(each.calls_per_s.values()) / each.rate_per_s:,.0f}" for each in plans),
        ],
    ]
    return _table(["", *heads], rows)


def _dollars_table(plans: Sequence[Plan], heads: Sequence[str]) -> str:
    rows = [
        *([line, *(f"{each.dollars[line]:.4f}" for each in plans)] for line in plans[0].dollars),
        ["**in all, without the provider**", *(f"**{sum(each.dollars.values()):.2f}**" for each in plans)],
    ]
    return _table(["$ of a million notifications", *heads], rows)


def _prices_table(prices: Prices) -> str:
    rows = [
        ("DynamoDB, a million write units", prices.dynamodb_million_writes),
        ("DynamoDB, a million read units", prices.dynamodb_million_reads),
        ("DynamoDB, a GB for a month", prices.dynamodb_gb_month),
        ("DynamoDB Streams, a million GetRecords", prices.dynamodb_streams_million_reads),
        ("Kinesis, a shard for an hour", prices.kinesis_shard_hour),
        ("Kinesis, a million records of up to 25 KB", prices.kinesis_million_puts),
        ("SQS, a million calls", prices.sqs_million_calls),
        ("Fargate, a vCPU for an hour", prices.fargate_vcpu_hour),
        ("Fargate, a GB for an hour", prices.fargate_gb_hour),
        ("SES, a thousand mails", prices.ses_thousand_mails),
    ]
    return _table(["what", "$"], ([what, f"{price:g}"] for what, price in rows))


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in (heads, ["---"] * len(heads), *rows))
