"""When a new owner began to send."""

from __future__ import annotations

from tests.faults.ground import Ground


def lease_taken_s(ground: Ground, since_s: float) -> float | None:
    """The first lease taken since then, by the replicas' logs."""
    taken = [line.at_s for replica in ground.replicas for line in replica.lines("lease_taken", since_s=since_s)]
    return min(taken, default=None)


def sent_by_new_owner_s(ground: Ground, since_s: float) -> float | None:
    """The first mail after a lease was taken: until then the new owner has none to send for."""
    taken_s = lease_taken_s(ground, since_s)
    return None if taken_s is None else ground.mails.first_after(taken_s)


async def taken_after(ground: Ground, since_s: float, timeout_s: float) -> float:
    """Raises RunFailed where nobody takes over."""
    await ground.until("a new owner sends", lambda: sent_by_new_owner_s(ground, since_s) is not None, timeout_s)
    return sent_by_new_owner_s(ground, since_s) or 0.0
