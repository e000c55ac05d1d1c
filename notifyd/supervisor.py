"""Several workers on one machine: starts them, restarts them, drains them, and shows them on one admin port.

Each worker is a whole `notifyd` process with leases, slots and connections of its own: they share nothing but
what replicas on several machines share.
"""

from __future__ import annotations

import asyncio
import signal
import ssl
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from importlib.metadata import version

import structlog

from notifyd.config import Config
from notifyd.http.admin import admin_app, serve_admin
from notifyd.http.members import PAGE_BYTES_MAX, Member, MemberPages
from notifyd.http.merged import MergedPages
from notifyd.supervisor_worker import DRAIN_MARGIN_S, Worker, WorkerTimes
from notifyd.system import SystemClock, SystemEntropy
from notifyd.telemetry.logs import configure_logs
from notifyd.telemetry.redaction import Redactor
from notifyd.wire.proxies import Proxies
from notifyd.wire.transport_aiohttp import AiohttpTransport

log = structlog.get_logger(__name__)


class Supervisor:
    """Implements `http.members.Crew`."""

    def __init__(self, workers: Sequence[Worker], stop: asyncio.Event) -> None:
        self._workers = workers
        self._stop = stop

    @property
    def version(self) -> str:
        return version("notifyd")

    @property
    def draining(self) -> bool:
        return self._stop.is_set()

    def members(self) -> Sequence[Member]:
        return [worker.member for worker in self._workers]

    async def run(self) -> list[int]:
        """Until `stop` is set and all have drained: the last exit code of each worker."""
        async with asyncio.TaskGroup() as tasks:
            kept = [tasks.create_task(self._keep(worker)) for worker in self._workers]
        return [task.result() for task in kept]

    async def _keep(self, worker: Worker) -> int:
        code = await worker.keep(self._stop)
        # It ends by itself only with a final code: what ended it would end the others, too.
        self._stop.set()
        return code


def supervise(config: Config, count: int, command: Sequence[str], *, final_codes: frozenset[int]) -> list[int]:
    """Until SIGTERM or SIGINT, then drains; the last exit code of each worker, 0: drained.

    `command` starts a worker; the number of its admin socket is added to it. A worker that ends with one of
    `final_codes` is not started again: the others drain.

    Raises:
        ConfigError: the admin port cannot be had.
    """
    with asyncio.Runner() as runner:
        times = WorkerTimes(drain_max_s=config.delivery.drain_timeout_s + DRAIN_MARGIN_S)
        return runner.run(_serve(config, count, command, times, final_codes))


async def _serve(
    config: Config, count: int, command: Sequence[str], times: WorkerTimes, final_codes: frozenset[int]
) -> list[int]:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    clock, entropy = SystemClock(), SystemEntropy()
    # It knows no secret and logs nothing personal; any key will do.
    configure_logs(config.telemetry.log_level, Redactor(entropy.token().encode()), sys.stderr)
    async with AsyncExitStack() as stack:
        # Loopback, without TLS and whatever proxy the environment names.
        plain = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        transport = AiohttpTransport(plain, answer_bytes_max=PAGE_BYTES_MAX, proxies=Proxies({}))
        stack.push_async_callback(transport.close)
        pages = MemberPages(transport)
        workers = [
            Worker(
                number,
                command,
                final_codes=final_codes,
                pages=pages,
                times=times,
                clock=clock,
                entropy=entropy,
            )
            for number in range(count)
        ]
        supervisor = Supervisor(workers, stop)
        app = admin_app(MergedPages(supervisor, pages))
        port = await stack.enter_async_context(serve_admin(app, config.admin.host, config.admin.port))
        log.info("supervising", workers=count, admin_port=port)
        return await supervisor.run()
