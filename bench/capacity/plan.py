"""What a rate takes and costs, reckoned from what one event was seen to take."""

from __future__ import annotations

from math import ceil

import msgspec

from bench.capacity.measured import Measured
from notifyd.core.filter_criteria import SourceKind

# Of a vCPU, and of what a shard takes in: the rest is for peaks and for what a lost worker leaves to the others.
USE_MAX = 0.7
# One worker: what deploy/ecs asks for.
TASK_VCPUS = 1
TASK_GB = 2
# Kinesis' limits of a shard's input.
_SHARD_RECORDS_PER_S = 1000
_SHARD_BYTES_PER_S = 1024 * 1024
_PUT_UNIT_BYTES = 25 * 1024
# A partition's writes, each at least a unit; a table's stream has a shard for each partition.
_PARTITION_WRITES_PER_S = 1000
# DynamoDB adds so much to each item, and to each copy in an index.
_ITEM_EXTRA_BYTES = 100
# Made by each worker every so often, whatever comes.
_BY_THE_CLOCK = frozenset({"Scan", "ReceiveMessage", "GetItem", "PutItem"})
_LOG_COPIES = 2
LOG_DAYS = 14
_MONTH_DAYS = 365 / 12
_GB = 1024**3
_MILLION = 1_000_000


class Prices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Dollars. Inputs: nobody here asks AWS."""

    region: str
    noted_on: str
    dynamodb_million_writes: float
    dynamodb_million_reads: float
    dynamodb_gb_month: float
    dynamodb_streams_million_reads: float
    kinesis_shard_hour: float
    kinesis_million_puts: float
    sqs_million_calls: float
    fargate_vcpu_hour: float
    fargate_gb_hour: float
    ses_thousand_mails: float


class Plan(msgspec.Struct, frozen=True):
    """`replicas`: tasks of one worker, with one more than the rate takes. `calls_per_s`: by AWS's name.
    `dollars`: of a million notifications, by what they are paid for.
    """

    rate_per_s: float
    shards: int
    replicas: int
    calls_per_s: dict[str, float]
    dollars: dict[str, float]


def planned_per_vcpu(measured: Measured) -> float:
    return USE_MAX * measured.paced_per_core_s


def plan(measured: Measured, rate_per_s: float, prices: Prices) -> Plan:
    shards = _shards(measured, rate_per_s)
    replicas = ceil(rate_per_s / (planned_per_vcpu(measured) * TASK_VCPUS)) + 1
    return Plan(
        rate_per_s=rate_per_s,
        shards=shards,
        replicas=replicas,
        calls_per_s=_calls_per_s(measured, rate_per_s, replicas),
        dollars=_dollars(measured, rate_per_s, shards, replicas, prices),
    )


def _calls_per_s(measured: Measured, rate_per_s: float, replicas: int) -> dict[str, float]:
    return {
        name: count * (replicas * measured.rate_per_s if name in _BY_THE_CLOCK else rate_per_s)
        for name, count in measured.calls.items()
    }


def _shards(measured: Measured, rate_per_s: float) -> int:
    if measured.source == SourceKind.DYNAMODB:
        return ceil(rate_per_s / (USE_MAX * _PARTITION_WRITES_PER_S))
    by_records = rate_per_s / _SHARD_RECORDS_PER_S
    by_bytes = rate_per_s * measured.event_bytes / _SHARD_BYTES_PER_S
    return ceil(max(by_records, by_bytes) / USE_MAX)


def _dollars(
    measured: Measured, rate_per_s: float, shards: int, replicas: int, prices: Prices
) -> dict[str, float]:
    units, calls = measured.units, measured.calls
    hours = _MILLION / rate_per_s / 3600
    log_gb = _MILLION * _LOG_COPIES * (units["log bytes"] + _ITEM_EXTRA_BYTES) / _GB
    return {
        "delivery log, written": units["log written"] * prices.dynamodb_million_writes,
        f"delivery log, {LOG_DAYS} days kept": log_gb * prices.dynamodb_gb_month * LOG_DAYS / _MONTH_DAYS,
        "contacts and settings, read": units["users read"] * prices.dynamodb_million_reads,
        "ledger, written": units["leases written"] * prices.dynamodb_million_writes,
        "ledger, read": _scans(measured, rate_per_s, shards, replicas) * prices.dynamodb_million_reads,
        "retry queues, asked": calls.get("ReceiveMessage", 0.0)
        * _over_one(measured, rate_per_s, replicas)
        * prices.sqs_million_calls,
        **_source_dollars(measured, shards, hours, prices),
        "vCPUs and memory": replicas
        * hours
        * (TASK_VCPUS * prices.fargate_vcpu_hour + TASK_GB * prices.fargate_gb_hour),
    }


def _scans(measured: Measured, rate_per_s: float, shards: int, replicas: int) -> float:
    """Every worker reads the whole lease table, at most as often as one alone does."""
    return measured.units["leases read"] * shards / measured.shards * _over_one(measured, rate_per_s, replicas)


def _over_one(measured: Measured, rate_per_s: float, replicas: int) -> float:
    """What a worker does by the clock, of an event: at this rate by so many, over the one that was measured."""
    return replicas * measured.rate_per_s / rate_per_s


def _source_dollars(measured: Measured, shards: int, hours: float, prices: Prices) -> dict[str, float]:
    if measured.source == SourceKind.DYNAMODB:
        reads = measured.calls["GetRecords"] * prices.dynamodb_streams_million_reads
        return {"DynamoDB Streams, read": reads}
    puts = ceil(measured.event_bytes / _PUT_UNIT_BYTES)
    return {
        "Kinesis, shards": shards * hours * prices.kinesis_shard_hour,
        "Kinesis, records put": puts * prices.kinesis_million_puts,
    }
