"""Replay in the shadow: nothing is sent, what would be decided is compared with what was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import msgspec

from notifyd.audit.decide import Decided, Decider
from notifyd.audit.parts import AuditedSource, Walk
from notifyd.audit.stretch import Stretch
from notifyd.core.audit import LISTED_MAX
from notifyd.core.reach import Reached
from notifyd.core.shadow import Difference, decided, differences, recorded


class Kind(msgspec.Struct, frozen=True):
    """One kind of difference, and how often it was found."""

    type_name: str
    channel: str
    recorded: str
    decided: str
    count: int


class Comparison(msgspec.Struct, frozen=True):
    """`not_recorded_yet`: the ledger does not call their records settled. `differing` lists the first of them."""

    compared: int
    equal: int
    not_recorded_yet: int
    kinds: list[Kind]
    differing: list[Difference]


class Shadow:
    def __init__(self, walk: Walk, decider: Decider) -> None:
        self._walk = walk
        self._decider = decider
        self._compared = self._equal = self._not_yet = 0
        self._kinds: Counter[tuple[str, str, str, str]] = Counter()
        self._differing: list[Difference] = []

    async def compare(
        self, sources: Sequence[AuditedSource], stretch: Stretch, progress: Callable[[int], None]
    ) -> Comparison:
        """Raises AwsError or TransportError."""
        for audited in sources:
            async for part in self._walk.parts(audited, stretch):
                for one in await self._decider.decide(part):
                    self._compare(one)
                progress(self._compared)
        kinds = [Kind(*kind, count) for kind, count in self._kinds.most_common()]
        return Comparison(self._compared, self._equal, self._not_yet, kinds, self._differing)

    def _compare(self, one: Decided) -> None:
        if one.told_elsewhere:
            return
        if not one.rows and one.entry.reached is not Reached.SETTLED:
            self._not_yet += 1
            return
        self._compared += 1
        found = differences(
            one.event.event_id,
            one.user_id,
            one.notification_type.name,
            recorded(one.rows),
            decided(one.decisions),
        )
        if not found:
            self._equal += 1
        for difference in found:
            self._kinds[difference.type_name, difference.channel, difference.recorded, difference.decided] += 1
        self._differing += found[: LISTED_MAX - len(self._differing)]
