"""What a run of the bench is asked for, and which cores it has."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec


class Options(msgspec.Struct, frozen=True):
    """Of a run: `events` are measured saturated, then `rate_per_s` for `paced_s` seconds for the latency.

    `hot_percent`: of the events, all on one shard.
    """

    events: int = 100_000
    shards: int = 20
    users: int = 10_000
    event_bytes: int = 600
    latency_ms: float = 50.0
    rate_per_s: float = 5_000.0
    paced_s: float = 10.0
    peer_events: int = 20_000
    peer_rate_per_s: float = 1_000.0
    hot_percent: int = 0
    tls: bool = False
    profile: Path | None = None


class Load(msgspec.Struct, frozen=True):
    """What a contestant gets: first `warm` events to start up on, then the measured ones."""

    warm: int
    events: int
    rate_per_s: float
    paced_s: float


class Cores(msgspec.Struct, frozen=True):
    """None: the machine has one core, or none can be chosen; the figures then hold what the servers took."""

    contestant: int | None
    servers: int | None


def choose_cores() -> Cores:
    if not hasattr(os, "sched_getaffinity"):
        return Cores(None, None)
    usable = sorted(os.sched_getaffinity(0))
    return Cores(usable[0], usable[1]) if len(usable) > 1 else Cores(None, None)


def stay_beside(cores: Cores) -> None:
    """Whoever looks at counts and reckons keeps off the contestant's core."""
    if cores.servers is not None:
        os.sched_setaffinity(0, {cores.servers})
