"""Whose fault it is that a push service refuses our VAPID key: its own, the subscription's, or ours."""

from __future__ import annotations

# A key that is at fault is refused by whoever is asked. Users bring the endpoints: one of them, or a subscription
# made with another key, says nothing of ours.
_ORIGINS_MIN = 3


class Refusals:
    def __init__(self) -> None:
        self._origins: set[str] = set()

    def accepted(self) -> None:
        """By anybody: the key is good."""
        self._origins.clear()

    def refused(self, origin: str) -> bool:
        """Whether it is our key's fault: several services refuse it, and nobody has taken anything meanwhile."""
        if len(self._origins) < _ORIGINS_MIN:
            self._origins.add(origin)
        return len(self._origins) >= _ORIGINS_MIN
