"""When a source's shards are read: a shard's own pauses, in step with the others'."""

from __future__ import annotations

import msgspec

from notifyd.core.steps import Steps
from notifyd.ports import Page

# Behind a short page whose last record is of this age there is a handful at most: asking for it at once is a call,
# a claim and a commit. DynamoDB Streams tells arrivals by the second.
_FRESH_S = 1.0


class FeedTimes(msgspec.Struct, frozen=True):
    poll_interval_s: float
    idle_poll_max_s: float


class FeedTurns:
    """Of all shards of a source that this worker reads."""

    def __init__(self, times: FeedTimes) -> None:
        self.times = times
        self.steps = Steps(times.poll_interval_s)

    def join(self) -> ShardTurns:
        return ShardTurns(self)


class ShardTurns:
    def __init__(self, turns: FeedTurns) -> None:
        self._times = turns.times
        self._steps = turns.steps
        self._place = turns.steps.join()
        self._idle_s = 0.0

    def next_at_s(self, page: Page, began_at_s: float) -> float:
        """When the shard is to be read again, whose read at `began_at_s` brought `page`."""
        self._steps.came(len(page.records), began_at_s)
        allowed_at_s = began_at_s + page.next_read_s
        pause_s = self._pause_s(page)
        return (
            max(allowed_at_s, self._steps.next_at_s(self._place, began_at_s, pause_s)) if pause_s else allowed_at_s
        )

    def _pause_s(self, page: Page) -> float:
        """None while there is more than what has just come; a shard without news is asked ever more rarely."""
        if page.records:
            self._idle_s = 0.0
            is_fresh = page.is_short and page.behind_s is not None and page.behind_s < _FRESH_S
            return self._times.poll_interval_s if page.caught_up or is_fresh else 0.0
        if not page.caught_up:
            return 0.0
        self._idle_s = min(self._times.idle_poll_max_s, self._idle_s * 1.5 or self._times.poll_interval_s)
        return self._idle_s
