"""A batch whose deliveries are requests of their own, under way at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from notifyd.core.message import Delivery
from notifyd.core.outcome import Outcome
from notifyd.ports import Tell


async def sent_each_alone(
    batch: Sequence[Delivery], send_one: Callable[[Delivery], Awaitable[Outcome]], tell: Tell
) -> list[Outcome]:
    """In order; each is told when its own answer comes. What `send_one` raises is raised once all have ended."""

    async def send(place: int, delivery: Delivery) -> Outcome:
        outcome = await send_one(delivery)
        tell([(place, outcome)])
        return outcome

    ends = await asyncio.gather(*map(send, range(len(batch)), batch), return_exceptions=True)
    outcomes: list[Outcome] = []
    for end in ends:
        if isinstance(end, BaseException):
            raise end
        outcomes.append(end)
    return outcomes
