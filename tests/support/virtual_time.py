"""An event loop whose time moves only when nothing is left to do: a day of waiting takes no time.

Timeouts, sleeps and the flow's Clock all go by it, so that what a test says of seconds is exact.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from functools import wraps
from typing import Any, ParamSpec, TypeVar, TypeVarTuple, Unpack

P = ParamSpec("P")
Answer = TypeVar("Answer")
Arguments = TypeVarTuple("Arguments")

# A wait below the clock's precision must still end.
_TICK_S = 1e-6


class _Jump(selectors.DefaultSelector):
    """Waits for nothing: what it was to wait for is added to the time."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            return super().select(5.0)
        ready = super().select(0)
        if not ready:
            self.now_s += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)

    def time(self) -> float:
        return self._jump.now_s

    def run_in_executor(
        self,
        executor: Executor | None,  # noqa: ARG002 - the loop's signature
        func: Callable[[Unpack[Arguments]], Answer],
        *args: *Arguments,
    ) -> asyncio.Future[Answer]:
        """At once: a thread takes real time, in which virtual days would pass."""
        future: asyncio.Future[Answer] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it is the caller's, as from a thread
            future.set_exception(error)
        return future


class VirtualClock:
    """`ports.Clock` by the running loop's time."""

    def __init__(self, epoch_s: float = 1_700_000_000.0) -> None:
        self._epoch_s = epoch_s

    def now_s(self) -> float:
        return self._epoch_s + self.elapsed_s()

    def elapsed_s(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(seconds, _TICK_S))  # noqa: TID251 - this is the clock


def in_virtual_time(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Runs an async test on a loop of virtual time, for at most a day of it."""

    @wraps(test)
    def run(*arguments: P.args, **named: P.kwargs) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(86_400):
                await test(*arguments, **named)

        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.run(bounded())

    return run
