"""The processes of a run: replicas of the daemon and the mail service. None outlives the run, however it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

_GUARDED = (sys.executable, "-m", "notifyd.sandbox.guarded")
_START_TIMEOUT_S = 60.0


class RunFailed(Exception):
    """What the run stands on did not come up, or a thing it waits for did not happen."""


class LogLine(msgspec.Struct, frozen=True):
    """`fields`: all of the line, its event and level too."""

    event: str
    level: str
    at_s: float
    fields: dict[str, Any]


class Replica:
    """One `notifyd` process. Its log is read from the file, so a kill takes nothing of it away."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name = name
        self.log = log
        self._process = process

    @classmethod
    async def start(
        cls, name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path
    ) -> Replica:
        log = folder / f"{name}.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *(*_GUARDED, "notifyd", *command),
                stdin=asyncio.subprocess.PIPE,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                env=environment,
                # Ctrl-C is the run's alone, which ends what it started in order.
                start_new_session=True,
            )
        return cls(name, process, log)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.returncode

    def send(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def ended(self) -> int:
        return await self._process.wait()

    async def kill(self) -> None:
        self.send(signal.SIGKILL)
        await self._process.wait()

    @property
    def worker_id(self) -> str:
        """Empty until it has started."""
        return next((str(line.fields["worker"]) for line in self.lines("started")), "")

    def lines(self, *events: str, since_s: float = 0.0) -> list[LogLine]:
        """What it logged, in order; of these events alone where some are named."""
        return [
            line
            for text in self.log.read_bytes().splitlines()
            if (line := _log_line(text)) is not None
            and line.at_s >= since_s
            and (not events or line.event in events)
        ]

    @property
    def last_words(self) -> str:
        return self.log.read_text(errors="replace")[-2000:]


def _log_line(text: bytes) -> LogLine | None:
    """None: a traceback's, or one that is still being written."""
    with suppress(msgspec.DecodeError, KeyError, TypeError, ValueError):
        fields = msgspec.json.decode(text, type=dict[str, Any])
        at_s = datetime.fromisoformat(fields["timestamp"]).timestamp()
        return LogLine(fields["event"], fields["level"], at_s, fields)
    return None


class MailService:
    """The stand-in for SES, which writes each mail to `journal` before it answers."""

    def __init__(self, process: asyncio.subprocess.Process, url: str) -> None:
        self.url = url
        self._process = process

    @classmethod
    async def start(cls, journal: Path, *, latency_s: float, send_rate_max: float) -> MailService:
        process = await asyncio.create_subprocess_exec(
            *(*_GUARDED, "notifyd.sandbox.ses_sink", "--journal", str(journal)),
            *("--latency-ms", f"{latency_s * 1000:g}", "--send-rate-max", f"{send_rate_max:g}"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={"PATH": os.defpath},
            start_new_session=True,
        )
        try:
            said = await asyncio.wait_for(_first_line(process), _START_TIMEOUT_S)
            return cls(process, msgspec.json.decode(said)["url"])
        except BaseException:
            process.kill()
            raise

    async def end(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()


async def _first_line(process: asyncio.subprocess.Process) -> bytes:
    if process.stdout is None or not (line := await process.stdout.readline()):
        raise RunFailed("the mail service did not start")
    return line
