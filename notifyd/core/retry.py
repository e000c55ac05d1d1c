"""When a delivery is tried again, and when that ends."""

from __future__ import annotations

from enum import Enum

import msgspec


class RetryPolicy(msgspec.Struct, frozen=True):
    attempts_max: int = 10
    backoff_base_s: float = 1.0
    backoff_max_s: float = 900.0


class Ending(Enum):
    """Why a delivery is not tried again."""

    ATTEMPTS = "attempts"
    DEADLINE = "deadline"


def next_attempt_at_s(
    policy: RetryPolicy,
    *,
    attempts_made: int,
    now_s: float,
    deadline_at_s: float,
    fraction: float,
    retry_after_s: float | None = None,
) -> float | Ending:
    """The time of the next attempt: full jitter over a doubling back-off; Retry-After wins.

    `attempts_made` 0: it was handed over before anything was sent, so it may go at once. `fraction` is
    uniform in [0, 1).
    """
    if attempts_made >= policy.attempts_max:
        return Ending.ATTEMPTS
    if retry_after_s is not None:
        wait_s = retry_after_s
    elif attempts_made == 0:
        wait_s = 0.0
    else:
        doubled = policy.backoff_base_s * 2.0 ** min(attempts_made - 1, 30)
        wait_s = fraction * min(policy.backoff_max_s, doubled)
    if now_s + wait_s >= deadline_at_s:
        return Ending.DEADLINE
    return now_s + wait_s
