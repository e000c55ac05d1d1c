"""One worker's way to everything outside. Cut, the worker is dead to the world, as after kill -9."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast

P = TypeVar("P")


class Wire:
    """Counts steps: one before each call of a port and one after it. At `cut_at` nothing goes through any more,
    neither the call nor its answer. `broken` ports raise what they are given instead of being asked.
    """

    def __init__(self, cut_at: int | None = None) -> None:
        self.cut = asyncio.Event()
        self.steps: list[str] = []
        self.broken: dict[str, Exception] = {}
        self._cut_at = cut_at

    def through(self, name: str, port: P) -> P:
        return cast(P, _Through(name, port, self))

    async def step(self, what: str) -> None:
        self.steps.append(what)
        if len(self.steps) == self._cut_at:
            self.cut.set()
        if self.cut.is_set():
            await asyncio.Event().wait()


class _Through:
    def __init__(self, name: str, port: object, wire: Wire) -> None:
        self._name = name
        self._port = port
        self._wire = wire

    def __getattr__(self, attribute: str) -> Any:
        found = getattr(self._port, attribute)
        if inspect.iscoroutinefunction(found):
            return self._call(f"{self._name}.{attribute}", found)
        if attribute == "reader":
            return lambda *arguments: _Through(f"{self._name}.reader", found(*arguments), self._wire)
        return found

    def _call(self, what: str, do: Callable[..., Any]) -> Callable[..., Any]:
        async def call(*arguments: Any) -> Any:
            await self._wire.step(f"before {what}")
            if self._name in self._wire.broken:
                raise self._wire.broken[self._name]
            answer = await do(*arguments)
            await self._wire.step(f"after {what}")
            return answer

        return call
