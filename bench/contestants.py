"""Who is measured: the daemon as users run it, and its peers."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any, assert_never

import msgspec

from bench.options import Cores
from bench.peers import PEERS
from bench.processes import Process
from bench.setup import PREFIX, Surroundings
from bench.workloads.workload import FIXTURES, Contestant

IDENTITY = {"BENCH_IDENTITY_KEY": "the same in every run of the bench"}


class SourceKind(StrEnum):
    KINESIS = "kinesis"
    DYNAMODB = "dynamodb"


# With nothing but INSERT let through, an item of the events table keeps its own id.
_FILTERS: dict[SourceKind, dict[str, object]] = {
    SourceKind.KINESIS: {},
    SourceKind.DYNAMODB: {"filter_criteria": [{"eventName": ["INSERT"]}]},
}


def start(
    contestant: Contestant, kind: SourceKind, around: Surroundings, cores: Cores, *, workers: int = 1
) -> Process:
    """`workers`: of the daemon."""
    match contestant:
        case Contestant.DAEMON:
            return _daemon(kind, around, cores, {}, workers)
        case Contestant.DAEMON_ON_AIOAPNS:
            return _daemon(kind, around, cores, {"client": "aioapns"})
        case Contestant.PEER | Contestant.PLAIN | Contestant.ASYNC_KINESIS | Contestant.BOTO3:
            return _peer(PEERS[contestant].module, kind, around, cores)
        case _:
            assert_never(contestant)


def _daemon(
    kind: SourceKind, around: Surroundings, cores: Cores, settings: dict[str, Any], workers: int = 1
) -> Process:
    return Process(
        "notifyd",
        ["run", "--config", str(write_config(kind, around, settings))],
        environment={**around.environment(), **IDENTITY, "NOTIFYD_WORKERS": str(workers)},
        core=cores.contestant,
        log=around.folder / "notifyd.log",
        stop_timeout_s=40.0,
    )


def write_config(kind: SourceKind, around: Surroundings, settings: dict[str, Any] | None = None) -> Path:
    """`settings`: of the provider, where they are not the shipped ones."""
    config = around.folder / "notifyd.yaml"
    # JSON is YAML.
    config.write_bytes(msgspec.json.format(msgspec.json.encode(_daemon_config(kind, around, settings or {}))))
    return config


def _daemon_config(kind: SourceKind, around: Surroundings, settings: dict[str, Any]) -> dict[str, object]:
    """Defaults wherever there is one: what is measured is what is shipped."""
    workload = around.workload
    provider = workload.provider
    return {
        "prefix": PREFIX,
        "sources": [{"kind": kind, "starting_position": "TRIM_HORIZON", **_FILTERS[kind]}],
        "delivery": {"mode": "send"},
        "channels": {
            channel: {"provider": name}
            for channel, name in {workload.channel: provider, **workload.beside}.items()
        },
        "identity": {"keys": [{"version": "1", "secret": "env:BENCH_IDENTITY_KEY"}]},
        "providers": {
            name: {**around.receiver.providers[name], **(settings if name == provider else {})}
            for name in (provider, *workload.beside.values())
        },
        "catalog": str(workload.catalog),
        "templates": {"folder": str(FIXTURES / "templates")},
        "admin": {"host": "127.0.0.1", "port": 0},
    }


def _peer(module: str, kind: SourceKind, around: Surroundings, cores: Cores) -> Process:
    provider = around.workload.provider
    settings = msgspec.json.encode(around.receiver.providers[provider]).decode()
    return Process(
        f"bench.peer.{module}",
        [
            *("--source", kind, "--name", f"{PREFIX}-events", "--prefix", PREFIX),
            *("--provider", provider, "--settings", settings),
        ],
        environment=around.environment(),
        core=cores.contestant,
        log=around.folder / "peer.log",
        stop_timeout_s=20.0,
    )
