"""One worker of a supervisor: its process, and the next one when that ends."""

from __future__ import annotations

import asyncio
import signal
import socket
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from typing import Self

import msgspec
import structlog

from notifyd.flow.backoff import Backoff
from notifyd.http.members import Member, MemberPages
from notifyd.ports import Clock, Entropy

log = structlog.get_logger(__name__)

_HOST = "127.0.0.1"
# What closes after the drain. Together with drain_timeout_s it is less than the grace that orchestrators are told.
DRAIN_MARGIN_S = 5.0


class WorkerTimes(msgspec.Struct, frozen=True):
    """`drain_max_s`: from SIGTERM to the kill. A process that was up for `steady_after_s` starts back-off anew."""

    drain_max_s: float
    probe_interval_s: float = 5.0
    probes_failed_max: int = 12
    backoff_base_s: float = 1.0
    backoff_max_s: float = 30.0
    steady_after_s: float = 60.0


class Child:
    """A process that serves its admin pages on a socket that was opened for it, and holds our pipe as its stdin.

    An inherited socket needs no folder to write to, no port to agree on, and nobody else can take it.
    """

    def __init__(self, process: Process, url: str) -> None:
        self._process = process
        self.url = url

    @classmethod
    async def start(cls, command: Sequence[str]) -> Self:
        """The socket's number becomes the command's last argument. Raises OSError."""
        with socket.create_server((_HOST, 0)) as listening:
            process = await asyncio.create_subprocess_exec(
                *command,
                str(listening.fileno()),
                stdin=PIPE,
                pass_fds=(listening.fileno(),),
                # Ctrl-C is the supervisor's, which passes it on once.
                start_new_session=True,
            )
            return cls(process, f"http://{_HOST}:{listening.getsockname()[1]}")

    @property
    def pid(self) -> int:
        return self._process.pid

    async def ended(self) -> int:
        return await self._process.wait()

    def send(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            self._process.send_signal(number)


class Worker:
    def __init__(
        self,
        number: int,
        command: Sequence[str],
        *,
        final_codes: frozenset[int],
        pages: MemberPages,
        times: WorkerTimes,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self._number = number
        self._command = command
        self._final_codes = final_codes
        self._pages = pages
        self._times = times
        self._clock = clock
        self._backoff = Backoff(clock, entropy, base_s=times.backoff_base_s, max_s=times.backoff_max_s)
        self._restarts = 0
        self._child: Child | None = None

    @property
    def member(self) -> Member:
        child = self._child
        if child is None:
            return Member(self._number, self._restarts)
        return Member(self._number, self._restarts, child.pid, child.url)

    async def keep(self, stop: asyncio.Event) -> int:
        """Until told to stop, or until it ends with a final code: the exit code of its last process."""
        told = asyncio.create_task(stop.wait())
        try:
            while True:
                began_s = self._clock.elapsed_s()
                code = await self._one_life(told)
                if told.done() or code in self._final_codes:
                    return code
                self._restarts += 1
                if self._clock.elapsed_s() - began_s >= self._times.steady_after_s:
                    self._backoff.reset()
                await self._pause(told)
                if told.done():
                    return 0
        finally:
            told.cancel()

    async def _one_life(self, told: asyncio.Task[bool]) -> int:
        """The exit code; 0 also where nothing was begun."""
        try:
            child = await Child.start(self._command)
        except OSError as error:
            log.warning("worker_not_started", number=self._number, error=str(error))
            return 0
        self._child = child
        log.info("worker_started", number=self._number, pid=child.pid)
        ended = asyncio.create_task(child.ended())
        silent = asyncio.create_task(self._until_silent())
        try:
            await asyncio.wait((ended, silent, told), return_when=asyncio.FIRST_COMPLETED)
            if told.done():
                child.send(signal.SIGTERM)
                await asyncio.wait((ended,), timeout=self._times.drain_max_s)
        finally:
            silent.cancel()
            child.send(signal.SIGKILL)
            code = await ended
            self._child = None
        say = log.info if told.done() else log.error
        say("worker_ended", number=self._number, pid=child.pid, exit_code=code)
        # Without a handler yet it had begun nothing.
        return 0 if told.done() and code == -signal.SIGTERM else code

    async def _until_silent(self) -> None:
        """Returns when /livez was no 200 so many times in a row: stuck, or its root task has ended."""
        failed = 0
        while failed < self._times.probes_failed_max:
            await self._clock.sleep(self._times.probe_interval_s)
            answer = await self._pages.of(self.member, "/livez")
            failed = 0 if answer is not None and answer.status == 200 else failed + 1
        log.error("worker_silent", number=self._number, probes_failed=failed)

    async def _pause(self, told: asyncio.Task[bool]) -> None:
        pause = asyncio.create_task(self._backoff.wait())
        try:
            await asyncio.wait((pause, told), return_when=asyncio.FIRST_COMPLETED)
        finally:
            pause.cancel()
