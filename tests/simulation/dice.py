"""All randomness of a simulation: a die a purpose, so that a draw more here changes nothing there."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random  # noqa: TID251 - seeded: the one place that draws
from typing import Any, TypeVar

T = TypeVar("T")


class Dice:
    def __init__(self, seed: int, purpose: str) -> None:
        self._seed = seed
        self._random = Random(f"{seed}/{purpose}")  # noqa: S311 - replay is the point
        self.fraction = self._random.random
        self.shuffle = self._random.shuffle

    def sub(self, purpose: str) -> Dice:
        return Dice(self._seed, purpose)

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self.fraction()

    def whole(self, low: int, high: int) -> int:
        """Both ends included."""
        return self._random.randint(low, high)

    def one_of(self, things: Sequence[T]) -> T:
        return things[int(self.fraction() * len(things))]

    def weighted(self, things: Sequence[T], weights: Sequence[float]) -> T:
        [drawn] = self._random.choices(things, weights)
        return drawn

    def some_of(self, things: Sequence[T], share: float) -> list[T]:
        return [thing for thing in things if self.fraction() < share]

    def chance(self, probability: float) -> bool:
        return self.fraction() < probability


class DiceEntropy:
    """`ports.Entropy` of one process."""

    def __init__(self, dice: Dice, name: str) -> None:
        self.fraction: Any = dice.fraction
        self._name = name
        self._tokens = 0

    def token(self) -> str:
        self._tokens += 1
        return f"{self._name}{self._tokens:0>{26 - len(self._name)}}"
