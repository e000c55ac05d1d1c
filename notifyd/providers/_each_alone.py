"""Batches whose deliveries are requests of their own, under way at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from notifyd.core.message import Delivery
from notifyd.core.outcome import Outcome
from notifyd.ports import Tell

# Requests that are handed over together cost a quarter less. A few that hang leave room for others.
_BATCH_MAX: Final = 16
# What goes together takes the account's rate for no longer, so that the transactional lane stays in front.
_BATCH_S: Final = 0.05


def batch_max_of(rate_per_s: float | None) -> int:
    """How many may be handed over together. None: the account has no rate."""
    return _BATCH_MAX if rate_per_s is None else max(1, min(_BATCH_MAX, int(rate_per_s * _BATCH_S)))


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
