"""How a channel's deliveries are shared out between its providers.

A fault moves weight, it does not flip: GOV.UK Notify's rule, whose history shows that whoever switches all at once
flaps. Shares drift back to the configured ones. Pure: the caller brings the time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

_STEP: Final = 0.10
_MOVES_APART_S: Final = 300.0
# 10 points every 5 minutes bring any shift of up to half of everything back within 25.
_DRIFT_APART_S: Final = 300.0


class Weights:
    """`resting`: the configured weights, of any scale; at least one above 0."""

    def __init__(self, resting: Mapping[str, float], now_s: float) -> None:
        whole = sum(resting.values())
        self.resting = {name: weight / whole for name, weight in resting.items()}
        self.current = dict(self.resting)
        self._moved_at_s: float | None = None
        self._drifted_at_s = now_s

    def move_from(self, name: str, now_s: float) -> bool:
        """Takes a step away from a provider that fails; False: too soon after the last one, or nothing left."""
        others = [other for other in self.current if other != name]
        if not others or not self.current[name]:
            return False
        if self._moved_at_s is not None and now_s - self._moved_at_s < _MOVES_APART_S:
            return False
        self._moved_at_s = self._drifted_at_s = now_s
        step = min(_STEP, self.current[name])
        self.current[name] -= step
        self._give(others, step)
        return True

    def drift(self, now_s: float) -> None:
        """A step back towards the resting shares, each 5 minutes."""
        if now_s - self._drifted_at_s < _DRIFT_APART_S:
            return
        self._drifted_at_s = now_s
        away = sum(abs(self.current[name] - share) for name, share in self.resting.items()) / 2
        if not away:
            return
        part = min(1.0, _STEP / away)
        for name, share in self.resting.items():
            self.current[name] += (share - self.current[name]) * part

    def choose(self, able: Collection[str], fraction: float) -> str | None:
        """One of `able` by its share; None: there is none. `fraction`: uniform in [0, 1)."""
        names = [name for name in self.current if name in able]
        if not names:
            return None
        whole = sum(self.current[name] for name in names)
        if not whole:
            return names[int(fraction * len(names))]
        left = fraction * whole
        for name in names:
            left -= self.current[name]
            if left < 0:
                return name
        return names[-1]

    def _give(self, names: list[str], step: float) -> None:
        """By their resting shares; equally where none has one."""
        whole = sum(self.resting[name] for name in names)
        for name in names:
            self.current[name] += step * (self.resting[name] / whole if whole else 1 / len(names))
