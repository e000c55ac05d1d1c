"""When the shards of one worker are read: in step while little comes, spread out while much does."""

from __future__ import annotations

from typing import Final

# A step is that much longer than the interval: a read that sets out late is due again by the next step.
_SLACK: Final = 1.025
# What comes together waits for one another: as many records in an interval hold the loop for about 40 ms.
_TOGETHER_MAX: Final = 400
# A read and the commit that it brings cost what so many records do.
_READ_RECORDS: Final = 4
# Where shards bring a handful each, and much time goes into reading them, a step is half as long again.
_HANDFUL: Final = 16
_BUSY: Final = 200
_LONG: Final = 1.5
# What was begun at a limit goes on until it is undershot, or exceeded, by so much.
_SWING: Final = 1.3


class Steps:
    """Pure: the caller brings the time.

    What is read together is looked up, claimed, sent and logged in full calls, by a loop that wakes once for
    all of it. Above _TOGETHER_MAX the shards take two, four, … instants of a step in turn.
    """

    def __init__(self, interval_s: float) -> None:
        self._usual_s = interval_s * _SLACK
        self.step_s = self._usual_s
        self.instants = 1
        self._joined = 0
        self._step = 0
        self._records = 0
        self._reads = 0
        self._coming = 0.0

    def join(self) -> int:
        """A shard's place among the others."""
        self._joined += 1
        return self._joined - 1

    def next_at_s(self, place: int, began_at_s: float, pause_s: float) -> float:
        """When a shard that was read at `began_at_s` is to be read again, at most a step after `pause_s`.

        Those that pause for several steps share these out, by their places.
        """
        lap, instant = divmod(place, self.instants)
        offset_s = self.step_s * instant / self.instants
        following = round((began_at_s - offset_s) / self.step_s) + 1
        pause_steps = max(1, round(pause_s / self.step_s))
        return offset_s + self.step_s * (following - (following + lap) % -pause_steps)

    def came(self, records: int, now_s: float) -> None:
        """Of one read."""
        passed = int(now_s / self.step_s) - self._step
        if passed > 0:  # a slow read's answer may come after those of the next step
            self._weigh(passed)
            self._step = int(now_s / self.step_s)
        self._records += records
        self._reads += 1

    def _weigh(self, steps: int) -> None:
        """More instants as soon as they are wanted, fewer after a while: who moves waits longer once."""
        share = self._usual_s / self.step_s
        came = (self._records + _READ_RECORDS * self._reads) * share
        self._coming = max(came, (self._coming + came) * 0.5**steps)
        while self._coming > _TOGETHER_MAX * self.instants:
            self.instants *= 2
        while self.instants > 1 and self._coming * _SWING < _TOGETHER_MAX * self.instants / 2:
            self.instants //= 2
        swing = _SWING if self.step_s > self._usual_s else 1.0
        is_busy = self._coming * swing >= _BUSY
        is_handful = self._records * share < _HANDFUL * self._reads * swing
        self.step_s = self._usual_s * (_LONG if is_busy and is_handful else 1.0)
        self._records = self._reads = 0
