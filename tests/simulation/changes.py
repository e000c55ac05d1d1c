"""People change while the workers run: mostly those for whom something is under way."""

from __future__ import annotations

from collections.abc import Sequence

from tests.simulation.dice import Dice
from tests.simulation.world.world import World

_CHANGES = 60
# Those who had something in flight when its sender died, and may change before another looks.
_OF_THE_LOST = 0.4
_TAKEOVER_S = 20.0


class Changes:
    def __init__(self, world: World, dice: Dice) -> None:
        self._world = world
        self._dice = dice
        world.judge.on_lost = self._lost

    def direct(self, *, lasts_s: float) -> None:
        """Some of them come after the last record, while what is left is tried again."""
        for _ in range(_CHANGES):
            self._world.network.later(self._dice.between(0.0, 1.5 * lasts_s), self._change_one)

    def _change_one(self) -> None:
        under_way = self._world.judge.under_way()
        users = under_way if under_way and self._dice.chance(0.8) else self._world.people.users
        self._change(self._dice.one_of(users))

    def _lost(self, users: Sequence[str]) -> None:
        for user in self._dice.some_of(users, _OF_THE_LOST):
            self._world.network.later(self._dice.between(0.0, _TAKEOVER_S), self._change, user)

    def _change(self, user: str) -> None:
        what = self._world.people.change(user, self._dice)
        self._world.fired[what] += 1
        self._world.trace.note(f"-- {user}: {what}")
