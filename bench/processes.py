"""The bench's processes: each started with a hand on it, so that none outlives the run."""

from __future__ import annotations

import http.client
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
ROOT = Path(__file__).parents[1]
_START_TIMEOUT_S = 15.0
_CONTROL_TIMEOUT_S = 60.0


class BenchFailed(Exception):
    """No figures: something that was started has ended, or what is needed is not there."""


class Usage(msgspec.Struct, frozen=True):
    """Seconds so far. CPU of the whole process, and of its first thread, which runs the loop.

    `queued_s`: that thread could have run and another process had the core.
    """

    cpu_s: float
    loop_cpu_s: float
    queued_s: float


class Process:
    """A module of ours as a child process. It cannot outlive us, and is ended by its id when the block ends."""

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str],
        core: int | None,
        log: Path,
        stop_timeout_s: float,
    ) -> None:
        self.log = log
        self._stop_timeout_s = stop_timeout_s
        with log.open("wb") as output:
            self._child = subprocess.Popen(  # noqa: S603 - our own modules, with arguments of our own making
                [sys.executable, "-m", "notifyd.sandbox.guarded", module, *arguments],
                env={"PYTHONPATH": str(ROOT), **environment},
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is ours alone: what was started is ended in order
            )
        if core is not None:
            os.sched_setaffinity(self.pid, {core})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def ended(self) -> bool:
        return self._child.poll() is not None

    def stop(self) -> int:
        """SIGTERM, then a while, then SIGKILL; the exit code."""
        if not self.ended:
            self._child.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(self._stop_timeout_s)
        if not self.ended:
            self._child.kill()
        self._child.wait()
        assert self._child.stdin is not None
        self._child.stdin.close()
        return self._child.returncode

    def kill(self) -> None:
        """Where nothing more is asked of it, not even to drain."""
        self._child.kill()
        self._child.wait()

    def usage(self) -> Usage:
        """Of it and of all that it started."""
        members = [usage_of(pid) for pid in _family_of(self.pid)]
        return Usage(
            cpu_s=sum(member.cpu_s for member in members),
            loop_cpu_s=sum(member.loop_cpu_s for member in members),
            queued_s=sum(member.queued_s for member in members),
        )

    def memory_mib(self, field: str) -> float:
        """`field` of /proc/<pid>/status: VmRSS is now, VmHWM the most there ever was."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) / 1024
        return 0.0

    def told(self) -> str:
        """The end of what it printed."""
        return self.log.read_text(errors="replace")[-4000:]


class Server(Process):
    """One of bench.servers, with its control paths."""

    def __init__(
        self, module: str, arguments: Sequence[str], *, core: int | None, folder: Path, tls: bool
    ) -> None:
        self._tls = ssl.create_default_context(cafile=folder / "server.crt") if tls else None
        pinned = [] if core is None else ["--core", str(core)]
        secured = ["--tls", str(folder)] if tls else []
        log = folder / f"{module}.log"
        super().__init__(
            module, [*arguments, *pinned, *secured], environment={}, core=core, log=log, stop_timeout_s=5.0
        )
        deadline_s = time.perf_counter() + _START_TIMEOUT_S
        while not log.read_bytes().endswith(b"\n"):
            if self.ended or time.perf_counter() > deadline_s:
                self.stop()
                raise BenchFailed(f"{module} did not start:\n{self.told()}")
            time.sleep(0.02)
        self._port = int(log.read_text().splitlines()[0])
        # One for all: to accept another with each look at the counts would cost the servers more than to answer.
        self._connection = self._connect()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    def control(self, path: str, **members: Any) -> dict[str, Any]:
        try:
            self._connection.request("POST", f"/_bench/{path}", msgspec.json.encode(members))
            answer = self._connection.getresponse()
            body = answer.read()
        except OSError as error:
            raise BenchFailed(f"/_bench/{path} has no answer: {error}\n{self.told()}") from error
        if answer.status != 200:
            raise BenchFailed(f"/_bench/{path} answered {answer.status}:\n{self.told()}")
        said: dict[str, Any] = msgspec.json.decode(body)
        return said

    def stop(self) -> int:
        self._connection.close()
        return super().stop()

    def _connect(self) -> http.client.HTTPConnection:
        if self._tls is None:
            return http.client.HTTPConnection("127.0.0.1", self._port, timeout=_CONTROL_TIMEOUT_S)
        return http.client.HTTPSConnection("127.0.0.1", self._port, timeout=_CONTROL_TIMEOUT_S, context=self._tls)


def usage_of(pid: int) -> Usage:
    loop = f"/proc/{pid}/task/{pid}"
    queued_ns = int(Path(f"{loop}/schedstat").read_text().split()[1])
    return Usage(_cpu_s(f"/proc/{pid}/stat"), _cpu_s(f"{loop}/stat"), queued_ns / 1e9)


def _family_of(pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            children.setdefault(int(_fields(stat)[1]), []).append(int(stat.parent.name))
    family = [pid]
    for member in family:
        family += children.get(member, [])
    return family


def _cpu_s(stat: str) -> float:
    fields = _fields(Path(stat))
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def _fields(stat: Path) -> list[str]:
    """From the third on, the state: the name before it, in parentheses, may hold spaces."""
    return stat.read_text().rpartition(")")[2].split()
