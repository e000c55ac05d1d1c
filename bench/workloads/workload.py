"""What makes one workload another: whom it notifies by what, and who receives and counts it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from bench.options import Cores, Options
from bench.processes import ROOT, Server
from notifyd.core.channel import Channel

FIXTURES = ROOT / "bench" / "fixtures"


class Contestant(StrEnum):
    DAEMON = "notifyd"
    DAEMON_ON_AIOAPNS = "notifyd, client: aioapns"
    PEER = "batched aiobotocore"
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
    """`counter` tells what was accepted; `pids`: of what serves beside AWS's stand-ins; `providers`: the daemon's
    section of that name, from which the peer, too, learns where to send.
    """

    counter: Server
    providers: dict[str, Any]
    pids: tuple[int, ...] = ()


class Workload(msgspec.Struct, frozen=True):
    """`beside`: other channels' providers. `devices`: of each user. `usual`: what is run where nothing else is
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
    devices: int = 0
    has_faults: bool = False
