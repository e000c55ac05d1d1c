"""What makes one workload another: whom it notifies by what, who receives and counts it, and what is measured."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from bench.expected import Expected, expected
from bench.figures import Figure
from bench.options import Cores, Load, Options
from bench.phases import saturated_then_paced
from bench.processes import ROOT, Server
from bench.servers.events import DETAIL_TYPE, Shape
from bench.servers.people import People
from notifyd.core.channel import Channel

if TYPE_CHECKING:
    from bench.measure import Run

FIXTURES = ROOT / "bench" / "fixtures"


class Contestant(StrEnum):
    DAEMON = "notifyd"
    DAEMON_ON_AIOAPNS = "notifyd, client: aioapns"
    PEER = "batched aiobotocore"
    PLAIN = "plain aiobotocore"
    ASYNC_KINESIS = "async-kinesis"
    BOTO3 = "boto3 with threads"


class Site(msgspec.Struct, frozen=True):
    """What stands when the receiver is built. `folder`: for its files."""

    options: Options
    cores: Cores
    folder: Path
    dynamodb: Server
    sinks: Server


class Receiver(msgspec.Struct, frozen=True):
    """`counters` tell what was accepted; `pids`: of what serves beside AWS's stand-ins; `providers`: the daemon's
    section of that name, from which the peer, too, learns where to send.
    """

    counters: tuple[Server, ...]
    providers: dict[str, Any]
    pids: tuple[int, ...] = ()


class Workload(msgspec.Struct, frozen=True):
    """`beside`: other channels' providers. `detail_types`: of the events, those in `pushed` for each of a user's
    devices. `phases`: what is done, and the figures that come of it. `usual`: what is run where nothing else is
    asked for. `has_faults`: some of it is refused, so that retry queues are used.
    """

    name: str
    title: str
    channel: Channel
    provider: str
    catalog: Path
    receiver: Callable[[Site], AbstractContextManager[Receiver]]
    contestants: tuple[Contestant, ...] = (Contestant.DAEMON, Contestant.PEER)
    usual: Options = Options()
    beside: dict[Channel, str] = {}
    people: People = People()
    detail_types: tuple[str, ...] = (DETAIL_TYPE,)
    pushed: frozenset[str] = frozenset()
    phases: Callable[[Run, Load, Options], list[Figure]] = saturated_then_paced
    has_faults: bool = False

    def expects(self, numbers: range, options: Options) -> Expected:
        """Of the events of these numbers."""
        shape = Shape(options.users, options.event_bytes, self.detail_types)
        return expected(numbers, shape, self.people, self.pushed)
