"""What can be measured, by name: a file each, and a line here."""

from __future__ import annotations

from bench.workloads.catch_up import CATCH_UP
from bench.workloads.daily import DAILY
from bench.workloads.email import EMAIL, HOT_SHARD, LARGE
from bench.workloads.idle import IDLE
from bench.workloads.latency import LATENCY
from bench.workloads.million import MILLION
from bench.workloads.push import PUSH, PUSH_GOAWAYS, PUSH_HANGS, PUSH_RATE
from bench.workloads.rates import RATES
from bench.workloads.workload import Workload

__all__ = ("EMAIL", "WORKLOADS")

WORKLOADS: dict[str, Workload] = {
    workload.name: workload
    for workload in (
        *(EMAIL, LARGE, HOT_SHARD, LATENCY, RATES, MILLION, CATCH_UP, IDLE),
        *(PUSH, PUSH_RATE, PUSH_GOAWAYS, PUSH_HANGS),
        DAILY,
    )
}
