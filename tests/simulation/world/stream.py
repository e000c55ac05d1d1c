"""A stream as the fake has it, that sees who reads what."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from notifyd.core.sequence import Checkpoint
from notifyd.ports import Clock, Page
from tests.fakes.streams import FakeSource


class WorldSource(FakeSource):
    """`may_be_read` raises AssertionError where a shard is read before its parents are done.

    `dedupe_window_s`: of the daemon's config for it.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        name: str,
        shards: Sequence[str],
        knows_timestamps: bool,
        dedupe_window_s: float | None,
    ) -> None:
        super().__init__(clock, name=name, shards=shards, knows_timestamps=knows_timestamps)
        self.dedupe_window_s = dedupe_window_s
        self.open: list[str] = list(shards)
        self.parents: dict[str, tuple[str, ...]] = dict.fromkeys(shards, ())
        self.may_be_read: Callable[[WorldSource, str], None] = lambda _source, _shard: None

    def split(self, shard_id: str) -> tuple[str, str]:
        children = super().split(shard_id)
        self._replace((shard_id,), children)
        return children

    def merge(self, first: str, second: str) -> str:
        child = super().merge(first, second)
        self._replace((first, second), (child,))
        return child

    def _replace(self, parents: tuple[str, ...], children: tuple[str, ...]) -> None:
        self.open = [shard for shard in self.open if shard not in parents] + list(children)
        self.parents.update(dict.fromkeys(children, parents))

    def lineage(self, shard_id: str) -> set[str]:
        """The shard and all that it came from."""
        return {shard_id}.union(*map(self.lineage, self.parents[shard_id]))

    def page(self, shard_id: str, after: Checkpoint) -> Page:
        self.may_be_read(self, shard_id)
        return super().page(shard_id, after)
