"""What lies between the processes and the services: time, and all that can happen to a call.

A call is two legs. What it does happens at the far end of the first, in no process's context: whoever sent it
may be paused or dead by then.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextvars import Context
from enum import Enum
from functools import partial
from typing import Any

from notifyd.errors import AwsError, NoAnswer, NotSent, Throttled
from tests.simulation.dice import Dice
from tests.simulation.loop import SeededLoop
from tests.simulation.process import Doom, Process
from tests.simulation.trace import Trace

_NOBODY = Context()
_LEG_S = (0.001, 0.015)
_TIMEOUT_S = 5.0
_LATE_S = (0.05, 20.0)

Do = Callable[[], Any]
Part = Callable[[Dice], Any]


class Mishap(Enum):
    """What becomes of one call."""

    THROTTLED = "throttled"
    NOT_SENT = "not sent"
    LOST = "request lost"
    UNANSWERED = "applied, unanswered"
    LATE = "unanswered, applied late"
    COPIED = "a late copy arrives"
    PARTIAL = "partial failure"


class Weather:
    """For a while, calls of some processes to some services meet a mishap with some probability."""

    def __init__(
        self, mishaps: Sequence[Mishap], probability: float, service: str | None, process: Process | None
    ) -> None:
        self.mishaps = mishaps
        self.probability = probability
        self.service = service
        self.process = process

    def meets(self, process: Process, service: str) -> bool:
        return self.service in (None, service) and self.process in (None, process)


class Network:
    def __init__(self, loop: SeededLoop, dice: Dice, trace: Trace, broken: list[str]) -> None:
        self._loop = loop
        self._dice = dice
        self._trace = trace
        self.weathers: list[Weather] = []
        self.fired: Counter[str] = Counter()
        self.broken = broken
        self.dooms: list[Doom] = []

    async def call(self, process: Process, operation: str, do: Do, part: Part | None = None) -> Any:
        """`part` does some of it, says so, and may raise what a partial failure raises."""
        mishap = self._mishap(process, operation, part)
        if self._doomed(process, operation, before=True):
            return await self._for_ever()
        answer = self._loop.create_future()
        self._trace.note(f"{process.name} {operation} {mishap.name if mishap else ''}")
        if mishap is not None:
            self.fired[f"{mishap.value}"] += 1
        self._send(mishap, process, operation, do, part, answer)
        return await answer

    def _send(
        self,
        mishap: Mishap | None,
        process: Process,
        operation: str,
        do: Do,
        part: Part | None,
        answer: asyncio.Future[Any],
    ) -> None:
        arrive_s = self._dice.between(*_LEG_S)
        silence = NoAnswer(f"{operation}: no answer")
        match mishap:
            case Mishap.NOT_SENT:
                self._later(arrive_s, _fail, answer, NotSent(f"{operation}: no connection"))
            case Mishap.THROTTLED:
                pause = Throttled(operation, "ThrottlingException", "slow down", status=400)
                self._later(arrive_s, _fail, answer, pause)
            case Mishap.LOST:
                self._later(self._patience_s(), _fail, answer, silence)
            case Mishap.LATE:
                self._later(self._patience_s(), _fail, answer, silence)
                self._later(self._dice.between(*_LATE_S), self._arrive_alone, do)
            case Mishap.UNANSWERED:
                self._later(arrive_s, self._arrive, process, operation, do, None)
                self._later(arrive_s + self._patience_s(), _fail, answer, self._unheard(operation))
            case Mishap.COPIED:
                self._later(arrive_s, self._arrive, process, operation, do, answer)
                self._later(arrive_s + self._dice.between(*_LATE_S), self._arrive_alone, do)
            case Mishap.PARTIAL if part is not None:
                self._later(arrive_s, self._arrive, process, operation, partial(part, self._dice), answer)
            case _:
                self._later(arrive_s, self._arrive, process, operation, do, answer)

    def _unheard(self, operation: str) -> Exception:
        """Of what was applied: every other time an error of AWS's own instead of silence."""
        if operation.startswith("provider.") or self.fired[Mishap.UNANSWERED.value] % 2:
            return NoAnswer(f"{operation}: no answer")
        return AwsError(operation, "InternalServerError", "applied all the same", status=500)

    def later(self, seconds: float, do: Callable[..., None], *arguments: Any) -> None:
        """Happens in the world, whoever lives."""
        self._later(seconds, do, *arguments)

    def _later(self, seconds: float, do: Callable[..., None], *arguments: Any) -> None:
        self._loop.call_later(seconds, do, *arguments, context=_NOBODY)

    def _arrive(self, process: Process, operation: str, do: Do, answer: asyncio.Future[Any] | None) -> None:
        try:
            result = do()
        except AssertionError as broken:
            self.broken.append(str(broken))
            return
        except Exception as error:  # noqa: BLE001 - the service's answer
            if answer is not None:
                self._later(self._dice.between(*_LEG_S), _fail, answer, error)
            return
        if self._doomed(process, operation, before=False):
            return
        if answer is not None:
            self._later(self._dice.between(*_LEG_S), _tell, answer, result)

    def _arrive_alone(self, do: Do) -> None:
        """Nobody waits for it any more."""
        try:
            do()
        except AssertionError as broken:
            self.broken.append(str(broken))
        except Exception:  # noqa: BLE001, S110 - an error that nobody hears
            pass

    def _mishap(self, process: Process, operation: str, part: Part | None) -> Mishap | None:
        service = operation.partition(".")[0]
        for weather in self.weathers:
            if weather.meets(process, service) and self._dice.chance(weather.probability):
                mishap = self._dice.one_of(weather.mishaps)
                if mishap is Mishap.PARTIAL and part is None:
                    continue
                # A provider's request that comes twice would be sent twice by no fault of the sender's.
                if service == "provider" and mishap in (Mishap.COPIED, Mishap.LATE):
                    continue
                return mishap
        return None

    def _patience_s(self) -> float:
        """A connection that breaks tells at once; silence, when the time is up."""
        return _TIMEOUT_S if self._dice.chance(0.5) else self._dice.between(0.01, 0.5)

    def _doomed(self, process: Process, operation: str, *, before: bool) -> bool:
        for doom in self.dooms:
            if doom.operation == operation and doom.before is before and process.is_alive:
                doom.left -= 1
                if doom.left == 0:
                    self.dooms.remove(doom)
                    process.crash(doom.point)
                    return True
        return False

    async def _for_ever(self) -> None:
        await self._loop.create_future()


def _tell(answer: asyncio.Future[Any], result: Any) -> None:
    if not answer.done():
        answer.set_result(result)


def _fail(answer: asyncio.Future[Any], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
