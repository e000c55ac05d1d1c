"""A worker's stand-in: `child.py FOLDER FD` serves admin pages and does what the file FOLDER/mode says.

Each one adds its process id to FOLDER/pids.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from socket import socket

from notifyd.http.admin import OwnPages, admin_app, serve_admin_on
from notifyd.http.health import DependencyHealth, ShardHealth
from notifyd.lifeline import drain_with_parent

_METRICS = """\
# HELP notifyd_records_total Read.
# TYPE notifyd_records_total counter
notifyd_records_total{source="orders"} 7.0
"""


class _Health:
    version = "1.2.3"
    state = "running"

    def __init__(self, *, live: bool) -> None:
        self._live = live

    def why_not_live(self) -> Sequence[str]:
        return [] if self._live else ["the root task has ended"]

    def why_not_ready(self) -> Sequence[str]:
        return []

    def dependencies(self) -> Sequence[DependencyHealth]:
        return []

    def shards(self) -> Sequence[ShardHealth]:
        return []


async def _serve(mode: str, listening: socket) -> None:
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, (lambda: None) if mode == "deaf" else told.set)
    pages = OwnPages(_Health(live=mode != "dead"), _METRICS.encode, str)
    async with serve_admin_on(admin_app(pages), listening):
        await told.wait()


def main() -> None:
    folder, number = Path(sys.argv[1]), int(sys.argv[2])
    mode = (folder / "mode").read_text()
    with (folder / "pids").open("a") as pids:
        pids.write(f"{os.getpid()}\n")
    if mode.startswith("exit "):
        sys.exit(int(mode.removeprefix("exit ")))
    drain_with_parent(1.0, 70)
    with socket(fileno=number) as listening:
        asyncio.run(_serve(mode, listening))


main()
