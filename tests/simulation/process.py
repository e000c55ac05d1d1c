"""A worker's process as the simulation sees it: whether it runs, what its clocks show, when it dies."""

from __future__ import annotations

from contextvars import Context, ContextVar, copy_context
from enum import Enum
from typing import Any


class State(Enum):
    RUNS = "runs"
    PAUSED = "paused"
    DEAD = "dead"
    ENDED = "ended"  # by itself, after SIGTERM or because it could not start


class Process:
    """`held`: what became ready while it was paused. `crash_at_step`: kill -9 between two of its callbacks."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.state = State.RUNS
        self.held: list[Any] = []
        self.steps = 0
        self.crash_at_step: int | None = None
        self.skew_s = 0.0
        self.on_crash: Any = None

    def context(self) -> Context:
        """What runs in it belongs to this process."""
        context = copy_context()
        context.run(PROCESS.set, self)
        return context

    @property
    def is_alive(self) -> bool:
        return self.state in (State.RUNS, State.PAUSED)

    def may_step(self) -> bool:
        if self.state is not State.RUNS:
            return False
        self.steps += 1
        if self.steps == self.crash_at_step:
            self.crash("any step")
            return False
        return True

    def crash(self, point: str) -> None:
        if self.is_alive:
            self.state = State.DEAD
            self.held.clear()
            self.on_crash(self, point)


class Doom:
    """Whoever makes the `left`-th call of `operation` from now on dies: before it leaves, or after its effect."""

    def __init__(self, operation: str, *, before: bool, left: int) -> None:
        self.operation = operation
        self.before = before
        self.left = left

    @property
    def point(self) -> str:
        return f"{'before' if self.before else 'after'} {self.operation}"


PROCESS: ContextVar[Process | None] = ContextVar("PROCESS", default=None)
