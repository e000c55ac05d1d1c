"""Who is measured: the daemon as users run it, and the peer."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

import msgspec

from bench.processes import ROOT, Process
from bench.setup import PREFIX, Cores, Surroundings

IDENTITY = {"BENCH_IDENTITY_KEY": "the same in every run of the bench"}
FIXTURES = ROOT / "bench" / "fixtures"


class SourceKind(StrEnum):
    KINESIS = "kinesis"
    DYNAMODB = "dynamodb"


class Contestant(StrEnum):
    DAEMON = "notifyd"
    PEER = "batched aiobotocore"


# With nothing but INSERT let through, an item of the events table keeps its own id.
_FILTERS: dict[SourceKind, dict[str, object]] = {
    SourceKind.KINESIS: {},
    SourceKind.DYNAMODB: {"filter_criteria": [{"eventName": ["INSERT"]}]},
}


def start(contestant: Contestant, kind: SourceKind, around: Surroundings, cores: Cores) -> Process:
    return _STARTERS[contestant](kind, around, cores)


def _daemon(kind: SourceKind, around: Surroundings, cores: Cores) -> Process:
    return Process(
        "notifyd",
        ["run", "--config", str(write_config(kind, around.folder))],
        environment={**around.environment(), **IDENTITY},
        core=cores.contestant,
        log=around.folder / "notifyd.log",
        stop_timeout_s=40.0,
    )


def write_config(kind: SourceKind, folder: Path) -> Path:
    config = folder / "notifyd.yaml"
    # JSON is YAML.
    config.write_bytes(msgspec.json.format(msgspec.json.encode(_daemon_config(kind))))
    return config


def _daemon_config(kind: SourceKind) -> dict[str, object]:
    """Defaults wherever there is one: what is measured is what is shipped."""
    return {
        "prefix": PREFIX,
        "sources": [{"kind": kind, "starting_position": "TRIM_HORIZON", **_FILTERS[kind]}],
        "delivery": {"mode": "send"},
        "channels": {"email": {"provider": "ses"}},
        "identity": {"keys": [{"version": "1", "secret": "env:BENCH_IDENTITY_KEY"}]},
        "providers": {"ses": {"sender": "Bench <bench@bench.example>"}},
        "catalog": str(FIXTURES / "notifications.yaml"),
        "templates": {"folder": str(FIXTURES / "templates")},
        "admin": {"host": "127.0.0.1", "port": 0},
    }


def _peer(kind: SourceKind, around: Surroundings, cores: Cores) -> Process:
    return Process(
        "bench.peer.batched_aiobotocore",
        ["--source", kind, "--name", f"{PREFIX}-events", "--prefix", PREFIX],
        environment=around.environment(),
        core=cores.contestant,
        log=around.folder / "peer.log",
        stop_timeout_s=20.0,
    )


_STARTERS: dict[Contestant, Callable[[SourceKind, Surroundings, Cores], Process]] = {
    Contestant.DAEMON: _daemon,
    Contestant.PEER: _peer,
}
