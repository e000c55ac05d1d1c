"""Deadlines that tests wait for on the machine's clock, and what keeps a stall of a second from failing them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from notifyd.core.outcome import Deferred, Outcome

# Three quarters of it are for connecting, which has to succeed.
NO_ANSWER_S = 2.0
# Connecting, or waiting for a connection, gives up 1.9 s before: both seen at once tell not which was first.
NOT_SENT_S = 5.0
_CONNECTS_MAX = 3


async def once_connected(send: Callable[[], Awaitable[list[Outcome]]]) -> list[Outcome]:
    """What came of it: sent again while it is deferred, as what finds no connection in its short time is."""
    for _ in range(_CONNECTS_MAX - 1):
        outcomes = await send()
        if not any(isinstance(one, Deferred) for one in outcomes):
            return outcomes
    return await send()
