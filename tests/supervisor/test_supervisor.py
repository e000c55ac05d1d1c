"""The supervisor over real processes, which are stand-ins for workers."""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from notifyd.http.members import PAGE_BYTES_MAX, MemberPages
from notifyd.http.merged import MergedPages
from notifyd.supervisor import Supervisor
from notifyd.supervisor_worker import Worker, WorkerTimes
from notifyd.system import SystemClock, SystemEntropy
from notifyd.wire.proxies import Proxies
from notifyd.wire.transport_aiohttp import AiohttpTransport
from tests.supervisor.processes import runs

_CHILD = Path(__file__).parent / "child.py"
_LOOK_EVERY_S = 0.02
_TIMEOUT_S = 30.0
_QUICK = WorkerTimes(
    drain_max_s=10.0, probe_interval_s=0.1, probes_failed_max=100, backoff_base_s=0.05, backoff_max_s=0.1
)
_IMPATIENT = WorkerTimes(
    drain_max_s=0.3, probe_interval_s=0.1, probes_failed_max=10, backoff_base_s=0.05, backoff_max_s=0.1
)
_WRONG_CONFIG = 78


@pytest.fixture
def no_blocking_call() -> None:
    """Starting a process waits for its exec: the supervisor does nothing meanwhile that could not wait."""


class Crew:
    def __init__(self, folder: Path, times: WorkerTimes, pages: MemberPages) -> None:
        self.stop = asyncio.Event()
        self._folder = folder
        workers = [
            Worker(
                number,
                [sys.executable, str(_CHILD), str(folder)],
                final_codes=frozenset({_WRONG_CONFIG}),
                pages=pages,
                times=times,
                clock=SystemClock(),
                entropy=SystemEntropy(),
            )
            for number in range(2)
        ]
        self.supervisor = Supervisor(workers, self.stop)
        self.pages = MergedPages(self.supervisor, pages)
        self.running = asyncio.create_task(self.supervisor.run())

    @property
    def pids(self) -> list[int]:
        """Of every process there ever was."""
        path = self._folder / "pids"
        return [int(line) for line in path.read_text().split()] if path.exists() else []

    def pid(self, number: int) -> int:
        pid = self.supervisor.members()[number].pid
        assert pid is not None
        return pid

    async def until(self, is_so: Callable[[], bool]) -> None:
        clock = SystemClock()
        async with asyncio.timeout(_TIMEOUT_S):
            while not is_so():
                await clock.sleep(_LOOK_EVERY_S)

    async def until_ready(self) -> None:
        clock = SystemClock()
        async with asyncio.timeout(_TIMEOUT_S):
            while await self.pages.why_not_ready():
                await clock.sleep(_LOOK_EVERY_S)

    async def drained(self) -> list[int]:
        self.stop.set()
        return await asyncio.wait_for(self.running, _TIMEOUT_S)


@asynccontextmanager
async def a_crew(folder: Path, mode: str, times: WorkerTimes = _QUICK) -> AsyncIterator[Crew]:
    """No process is left behind, whatever the test finds."""
    (folder / "mode").write_text(mode)
    plain = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    transport = AiohttpTransport(plain, answer_bytes_max=PAGE_BYTES_MAX, proxies=Proxies({}))
    crew = Crew(folder, times, MemberPages(transport, timeout_s=0.3))
    try:
        yield crew
    finally:
        crew.running.cancel()
        with suppress(asyncio.CancelledError):
            await crew.running
        await transport.close()
        await crew.until(lambda: not any(map(runs, crew.pids)))


async def test_all_are_drained_when_it_is_told_to_stop(tmp_path: Path) -> None:
    async with a_crew(tmp_path, "well") as crew:
        await crew.until_ready()
        assert await crew.pages.why_not_live() == []
        assert await crew.drained() == [0, 0]
        assert len(crew.pids) == 2
        assert await crew.pages.why_not_live() == ["no worker has a process"]


async def test_a_worker_that_is_killed_is_replaced_and_the_other_left_alone(tmp_path: Path) -> None:
    async with a_crew(tmp_path, "well") as crew:
        await crew.until_ready()
        first, second = crew.pid(0), crew.pid(1)
        os.kill(first, signal.SIGKILL)
        await crew.until(lambda: crew.supervisor.members()[0].restarts == 1)
        await crew.until_ready()
        assert crew.pid(1) == second
        assert crew.pid(0) not in {first, second}
        assert await crew.drained() == [0, 0]


@pytest.mark.parametrize("asked_of", ["a stopped process", "a worker whose root task has ended"])
async def test_a_worker_without_a_sign_of_life_is_killed_and_replaced(tmp_path: Path, asked_of: str) -> None:
    async with a_crew(tmp_path, "dead" if "root" in asked_of else "well", _IMPATIENT) as crew:
        if "stopped" in asked_of:
            await crew.until_ready()
            os.kill(crew.pid(0), signal.SIGSTOP)
        await crew.until(lambda: crew.supervisor.members()[0].restarts >= 1)


async def test_a_final_code_ends_all_in_order(tmp_path: Path) -> None:
    async with a_crew(tmp_path, "well") as crew:
        await crew.until_ready()
        (tmp_path / "mode").write_text(f"exit {_WRONG_CONFIG}")
        os.kill(crew.pid(0), signal.SIGKILL)
        assert await asyncio.wait_for(crew.running, _TIMEOUT_S) == [_WRONG_CONFIG, 0]
        assert len(crew.pids) == 3


async def test_a_worker_that_ends_again_and_again_is_tried_again_and_again(tmp_path: Path) -> None:
    async with a_crew(tmp_path, "exit 1") as crew:
        await crew.until(lambda: crew.supervisor.members()[0].restarts >= 3)
        assert await crew.drained() in ([0, 0], [0, 1], [1, 0], [1, 1])


async def test_a_worker_that_does_not_drain_in_time_is_killed_and_told_apart(tmp_path: Path) -> None:
    async with a_crew(tmp_path, "deaf", _IMPATIENT) as crew:
        await crew.until_ready()
        assert await crew.drained() == [-signal.SIGKILL, -signal.SIGKILL]


async def test_workers_told_to_stop_before_they_were_up_have_begun_nothing(tmp_path: Path) -> None:
    async with a_crew(tmp_path, "well") as crew:
        await crew.until(lambda: all(member.pid for member in crew.supervisor.members()))
        assert await crew.drained() == [0, 0]


async def test_what_workers_count_is_summed_over_both(tmp_path: Path) -> None:
    async with a_crew(tmp_path, "well") as crew:
        await crew.until_ready()
        text = (await crew.pages.metrics()).decode()
        assert 'notifyd_records_total{source="orders"} 14.0\n' in text
        assert 'notifyd_workers{state="answering"} 2.0\n' in text
        os.kill(crew.pid(0), signal.SIGSTOP)
        text = (await crew.pages.metrics()).decode()
        assert 'notifyd_workers{state="silent"} 1.0\n' in text
        assert 'notifyd_records_total{source="orders"} 14.0\n' in text
        os.kill(crew.pid(0), signal.SIGCONT)
