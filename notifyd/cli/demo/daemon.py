"""The daemon as a child process that cannot outlive the demo."""

from __future__ import annotations

import asyncio
import socket
import sys
from contextlib import suppress
from pathlib import Path

import aiohttp

from notifyd.cli.demo.stage import Stage
from notifyd.errors import NotifydError
from notifyd.ports import Clock

_HOST = "127.0.0.1"
# Python, its imports and the first leases; a busy machine takes a while.
_READY_TIMEOUT_S = 60.0
_READY_POLL_S = 0.1
# drain_timeout_s, and what closing costs.
_END_TIMEOUT_S = 35.0
_LOG_CHARS_SHOWN = 3000


class DaemonError(NotifydError):
    """The daemon did not do what the demo waits for; the text ends with its last words."""


class Daemon:
    """`notifyd <command>` on a stage; several may run on one. `admin_url`: of /readyz and /metrics."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path, admin_url: str) -> None:
        self._process = process
        self._log = log
        self.admin_url = admin_url

    @classmethod
    async def start(cls, stage: Stage, command: str = "run") -> Daemon:
        port = _free_port()
        log = stage.folder / f"{command}-{port}.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "notifyd.sandbox.guarded", "notifyd"),
                *(command, "--config", str(stage.config)),
                stdin=asyncio.subprocess.PIPE,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                env=stage.environment | {"NOTIFYD_ADMIN__HOST": _HOST, "NOTIFYD_ADMIN__PORT": str(port)},
                # Ctrl-C is the demo's: the daemon is told to drain, in order.
                start_new_session=True,
            )
        return cls(process, log, f"http://{_HOST}:{port}")

    @property
    def last_words(self) -> str:
        return self._log.read_text(errors="replace")[-_LOG_CHARS_SHOWN:]

    async def ended(self) -> int:
        """Its exit code."""
        return await self._process.wait()

    async def ready(self, clock: Clock) -> None:
        """Returns once /readyz says yes; raises DaemonError when it ends or takes too long."""
        until_s = clock.elapsed_s() + _READY_TIMEOUT_S
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=1)) as http:
            while clock.elapsed_s() < until_s:
                if self._process.returncode is not None:
                    raise DaemonError(f"notifyd ended with {self._process.returncode}:\n{self.last_words}")
                with suppress(aiohttp.ClientError, TimeoutError):
                    async with http.get(f"{self.admin_url}/readyz") as answer:
                        if answer.status == 200:
                            return
                await clock.sleep(_READY_POLL_S)
        raise DaemonError(f"notifyd was not ready after {_READY_TIMEOUT_S:g} s:\n{self.last_words}")

    async def drain(self) -> int:
        """SIGTERM; its exit code, or that of a kill where it does not end."""
        with suppress(ProcessLookupError):
            self._process.terminate()
        try:
            return await asyncio.wait_for(self._process.wait(), _END_TIMEOUT_S)
        except TimeoutError:
            return await self.kill()

    async def kill(self) -> int:
        """Ends it as a crash does: kill -9."""
        with suppress(ProcessLookupError):
            self._process.kill()
        return await self._process.wait()


async def run_to_end(stage: Stage, command: str) -> None:
    """A command that ends by itself; raises DaemonError where it fails."""
    daemon = await Daemon.start(stage, command)
    if await daemon.ended():
        raise DaemonError(f"notifyd {command} failed:\n{daemon.last_words}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])
