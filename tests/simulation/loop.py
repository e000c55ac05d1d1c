"""The event loop of a simulation: its time is its own, and what is ready runs in an order drawn from the seed.

Time jumps to the next timer when nothing is ready, and every turn takes a microsecond, so that a wait below
the precision of a float ends as it does on a real machine. No socket is watched, no thread is started.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import Context
from itertools import count
from typing import Any, TypeVar, TypeVarTuple

from tests.simulation.dice import Dice
from tests.simulation.process import PROCESS, Process, State

Answer = TypeVar("Answer")
Arguments = TypeVarTuple("Arguments")

_TURN_S = 1e-6


class RanAway(Exception):
    """A seed that takes more steps, or more virtual time, than it can need."""


class _Task(asyncio.Task[Any]):
    """Hashed by number: sets of tasks are walked in the order of their making, wherever memory put them."""

    def __init__(self, number: int, coroutine: Any, **named: Any) -> None:
        self._number = number
        super().__init__(coroutine, **named)

    def __hash__(self) -> int:
        return self._number

    def __eq__(self, other: object) -> bool:
        return self is other


class SeededLoop(asyncio.SelectorEventLoop):
    """Handles of a process that is paused wait; those of a dead one never run."""

    _ready: Any  # of BaseEventLoop: what its own turn walks as well
    _scheduled: Any
    _timer_cancelled_count: int

    def __init__(self, dice: Dice, *, steps_max: int, virtual_s_max: float) -> None:
        self._now_s = 0.0
        super().__init__()
        self._dice = dice
        self._steps_max = steps_max
        self._virtual_s_max = virtual_s_max
        self._numbers = count()
        self.steps = 0
        self.set_task_factory(self._make_task)

    def time(self) -> float:
        return self._now_s

    def _make_task(self, _: asyncio.AbstractEventLoop, coroutine: Any, context: Context | None = None) -> Any:
        return _Task(next(self._numbers), coroutine, loop=self, context=context)

    def _run_once(self) -> None:
        ready, scheduled = self._ready, self._scheduled
        self._now_s += _TURN_S
        while scheduled and (scheduled[0]._cancelled or (not ready and scheduled[0]._when > self._now_s)):
            if scheduled[0]._cancelled:
                self._drop_timer()
            else:
                self._now_s = scheduled[0]._when
                break
        while scheduled and scheduled[0]._when <= self._now_s:
            handle = self._drop_timer()
            if not handle._cancelled:
                ready.append(handle)
        if not ready:
            raise RanAway("nothing is ready and no timer is set: everybody waits for ever")
        turn = [ready.popleft() for _ in range(len(ready))]
        if len(turn) > 1:
            self._dice.shuffle(turn)
        for handle in turn:
            self._run_handle(handle)
        if self.steps > self._steps_max or self._now_s > self._virtual_s_max:
            raise RanAway(f"{self.steps} steps and {self._now_s:.0f} virtual seconds without coming to an end")

    def _drop_timer(self) -> Any:
        handle = heapq.heappop(self._scheduled)
        handle._scheduled = False
        if handle._cancelled:
            self._timer_cancelled_count -= 1
        return handle

    def _run_handle(self, handle: Any) -> None:
        if handle._cancelled:
            return
        process = handle._context.get(PROCESS)
        if process is not None:
            if process.state is State.PAUSED:
                process.held.append(handle)
                return
            if not process.may_step():
                return
        self.steps += 1
        handle._run()

    # --- what a fault does to a process ---

    def resume(self, process: Process) -> None:
        """What waited for the process is ready again."""
        held, process.held = process.held, []
        self._ready.extend(held)

    def put_off(self, process: Process, seconds: float) -> None:
        """Its timers stood still for so long, as they do while a machine is suspended."""
        for handle in self._scheduled:
            if handle._context.get(PROCESS) is process:
                handle._when += seconds
        heapq.heapify(self._scheduled)

    def run_in_executor(
        self,
        executor: Executor | None,  # noqa: ARG002 - the loop's signature
        func: Callable[[*Arguments], Answer],
        *args: *Arguments,
    ) -> asyncio.Future[Answer]:
        """At once: a thread would bring its own order."""
        future: asyncio.Future[Answer] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it is the caller's, as from a thread
            future.set_exception(error)
        return future
