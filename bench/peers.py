"""Who does the same work on other clients, and where each of them can."""

from __future__ import annotations

import argparse

import msgspec

from bench.workloads.workload import Contestant, Workload
from notifyd.core.filter_criteria import SourceKind


class Peer(msgspec.Struct, frozen=True):
    """`module`: of bench.peer, as a command. `sources` and `providers`: what its client can do."""

    module: str
    sources: frozenset[str]
    providers: frozenset[str]


_BOTH = frozenset(SourceKind)
PEERS: dict[Contestant, Peer] = {
    Contestant.PEER: Peer("batched_aiobotocore", _BOTH, frozenset({"ses", "apns"})),
    Contestant.PLAIN: Peer("plain_aiobotocore", _BOTH, frozenset({"ses", "apns"})),
    Contestant.ASYNC_KINESIS: Peer("async_kinesis", frozenset({SourceKind.KINESIS}), frozenset({"ses", "apns"})),
    Contestant.BOTO3: Peer("boto3_threads", _BOTH, frozenset({"ses"})),
}
# As --peers has them.
_NAMES: dict[str, Contestant] = {
    "batched": Contestant.PEER,
    "plain": Contestant.PLAIN,
    "aioapns": Contestant.DAEMON_ON_AIOAPNS,
    "async-kinesis": Contestant.ASYNC_KINESIS,
    "boto3": Contestant.BOTO3,
}
USUAL = "batched,plain,aioapns"
CHOICES = f"all, none, or of {','.join(_NAMES)}, each where its client can"


def peers_named(text: str) -> list[Contestant]:
    """Raises ArgumentTypeError."""
    match text:
        case "all":
            return list(_NAMES.values())
        case "none":
            return []
    named = text.split(",")
    if unknown := [name for name in named if name not in _NAMES]:
        raise argparse.ArgumentTypeError(f"no peer {', '.join(unknown)}; there are {CHOICES}")
    return [_NAMES[name] for name in named]


def name_of(peer: Contestant) -> str:
    """As --peers has it."""
    return next(name for name, contestant in _NAMES.items() if contestant is peer)


def takes_part(contestant: Contestant, workload: Workload, source: str) -> bool:
    """The others do what the batched one does, where their clients can."""
    peer = PEERS.get(contestant)
    if peer is None:
        return contestant in workload.contestants
    return (
        Contestant.PEER in workload.contestants and source in peer.sources and workload.provider in peer.providers
    )
