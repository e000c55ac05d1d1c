"""Ratios of the daemon's speed to its peer's: those of a run, held against those that were stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from statistics import median

import msgspec

# A ratio may move by this part before it says something.
MOVES_MAX = 0.25
STORE_COMMAND = "make bench-check ARGS=--store"


class Ratio(msgspec.Struct, frozen=True):
    """Events per CPU second of the daemon over those of the peer: the median, and each round's."""

    median: float
    rounds: list[float]

    @classmethod
    def of(cls, rounds: Iterable[float]) -> Ratio:
        shown = [round(one, 2) for one in rounds]
        return cls(median(shown), shown)


class Standing(StrEnum):
    KEPT = "kept"
    FELL = "fell"
    ROSE = "rose"
    UNKNOWN = "unknown"


class Finding(msgspec.Struct, frozen=True):
    """`was` is None where nothing is stored."""

    name: str
    was: float | None
    now: float

    @property
    def standing(self) -> Standing:
        if self.was is None:
            return Standing.UNKNOWN
        if self.now < self.was * (1 - MOVES_MAX):
            return Standing.FELL
        return Standing.ROSE if self.now > self.was * (1 + MOVES_MAX) else Standing.KEPT

    @property
    def is_broken(self) -> bool:
        """Without a stored ratio nothing is guarded."""
        return self.standing in {Standing.FELL, Standing.UNKNOWN}

    def __str__(self) -> str:
        what = f"{self.name}: events per CPU second, daemon over batched peer"
        if self.was is None:
            return f"{what}: {self.now:.2f}, and none is stored; `{STORE_COMMAND}` on a quiet machine"
        moved = f"{what}, {self.was:.2f} → {self.now:.2f} ({self.now / self.was - 1:+.0%})"
        match self.standing:
            case Standing.FELL:
                return f"{moved}: fell by more than {MOVES_MAX:.0%}"
            case Standing.ROSE:
                return f"{moved}: rose by more than {MOVES_MAX:.0%}; store it anew: `{STORE_COMMAND}`"
            case _:
                return moved


def judge(now: Mapping[str, Ratio], stored: Mapping[str, Ratio]) -> list[Finding]:
    """Of each that was measured."""
    return [
        Finding(name, stored[name].median if name in stored else None, ratio.median) for name, ratio in now.items()
    ]
