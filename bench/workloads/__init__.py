"""What can be measured, by name: a file each, and a line here."""

from __future__ import annotations

from bench.workloads.email import EMAIL
from bench.workloads.push import PUSH, PUSH_GOAWAYS, PUSH_HANGS, PUSH_RATE
from bench.workloads.workload import Workload

__all__ = ("EMAIL", "WORKLOADS")

WORKLOADS: dict[str, Workload] = {
    workload.name: workload for workload in (EMAIL, PUSH, PUSH_RATE, PUSH_GOAWAYS, PUSH_HANGS)
}
