"""What the daemon is configured with, as it changes when a worker starts: types come and go, and break."""

from __future__ import annotations

import msgspec

from notifyd.core.channel import Channel
from tests.simulation.world.meaning import Meaning


class Release(msgspec.Struct, frozen=True):
    """`leaves_out`: what it plans nothing of, by type and channel. `buries`: types it cannot decide or render."""

    name: str
    leaves_out: frozenset[tuple[str, Channel]] = frozenset()
    buries: frozenset[str] = frozenset()


USUAL = Release("as usual")
OTHERS = (
    Release("a channel is dropped", frozenset({("both", Channel.PUSH_IOS)})),
    Release("a type is dropped", frozenset({("second", Channel.EMAIL)})),
    Release("a type matches other events", frozenset({("paid", Channel.EMAIL)})),
    Release("a filter raises", buries=frozenset({"both"})),
    Release("a template fails", buries=frozenset({"asked"})),
)


class Releases:
    """`current`: of the workers that start now. Those of before go on as they are."""

    def __init__(self) -> None:
        self.current = USUAL
        self._used: set[Release] = {USUAL}

    def use(self, release: Release) -> None:
        self.current = release
        self._used.add(release)

    @property
    def may_match_less(self) -> bool:
        """An event of no other type may have been matched by none."""
        return any(("paid", Channel.EMAIL) in release.leaves_out for release in self._used)

    def may_leave_out(self, meaning: Meaning) -> bool:
        _, _, type_name, channel = meaning
        return any((type_name, channel) in release.leaves_out for release in self._used)

    def may_bury(self, meaning: Meaning) -> bool:
        """What a type that is gone left behind as well."""
        _, _, type_name, _ = meaning
        return any(
            type_name in release.buries or any(type_name == name for name, _ in release.leaves_out)
            for release in self._used
        )
