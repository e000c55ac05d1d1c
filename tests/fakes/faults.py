"""What calls on a fake meet, as a test asks for: an error before anything is done, or a lost answer after it."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable
from typing import TypeVar

from notifyd.errors import AwsError, NoAnswer, NotSent

T = TypeVar("T")

# What is heard of a call that was done all the same: nothing, or an error of AWS's own.
LOST = {
    "unanswered": NoAnswer("done, and its answer lost by the test"),
    "answered 500": AwsError("any", "InternalServerError", "done, and called failed by the test", status=500),
}


class Faults:
    """`calls` names each call in order. While `outage` is set, every call raises it and does nothing."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.outage: Exception | None = None
        self._refusals: defaultdict[str, deque[Exception]] = defaultdict(deque)
        self._lost_answers: defaultdict[str, deque[Exception]] = defaultdict(deque)

    def refuse(self, operation: str, *errors: Exception) -> None:
        """One of `errors` for each of the operation's next calls, which do nothing."""
        self._refusals[operation].extend(errors or [NotSent(f"{operation}: refused by the test")])

    def lose_answers(self, operation: str, calls: int = 1, error: Exception = LOST["unanswered"]) -> None:
        """The operation's next calls are done, and `error` is all that is heard of them."""
        self._lost_answers[operation].extend([error] * calls)

    async def call(self, operation: str, do: Callable[[], T]) -> T:
        self.calls.append(operation)
        await asyncio.sleep(0)  # noqa: TID251 - yields to the loop, as every call over a network does
        if self.outage is not None:
            raise self.outage
        if self._refusals[operation]:
            raise self._refusals[operation].popleft()
        answer = do()
        await asyncio.sleep(0)  # noqa: TID251 - the answer takes a turn as well
        if self._lost_answers[operation]:
            raise self._lost_answers[operation].popleft()
        return answer
