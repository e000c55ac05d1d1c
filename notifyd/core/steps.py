"""When the shards of one worker are read: in step while little comes, spread out while much does."""

from __future__ import annotations

# A step is that much longer than the interval: a read that sets out late is due again by the next step.
_SLACK = 1.025
# What comes together waits for one another: as many records hold the loop for about 40 ms.
_TOGETHER_MAX = 400
# A read and the commit that it brings cost what so many records do.
_READ_RECORDS = 4


class Steps:
    """Pure: the caller brings the time.

    What is read together is looked up, claimed, sent and logged in full calls, by a loop that wakes once for
    all of it. Above _TOGETHER_MAX a step the shards take two, four, … instants of it in turn.
    """

    def __init__(self, interval_s: float) -> None:
        self.step_s = interval_s * _SLACK
        self.instants = 1
        self._joined = 0
        self._step = 0
        self._came = 0.0
        self._coming = 0.0

    def join(self) -> int:
        """A shard's place among the others."""
        self._joined += 1
        return self._joined - 1

    def next_at_s(self, place: int, began_at_s: float, pause_s: float) -> float:
        """When a shard that was read at `began_at_s` is to be read again, at most half a step after `pause_s`.

        Those that pause for several steps share these out, by their places.
        """
        lap, instant = divmod(place, self.instants)
        offset_s = self.step_s * instant / self.instants
        following = round((began_at_s - offset_s) / self.step_s) + 1
        pause_steps = max(1, round(pause_s / self.step_s))
        return offset_s + self.step_s * (following - (following + lap) % -pause_steps)

    def came(self, records: int, now_s: float) -> None:
        """Of one read."""
        step = int(now_s / self.step_s)
        if step != self._step:
            self._weigh(step - self._step)
            self._step = step
        self._came += records + _READ_RECORDS

    def _weigh(self, steps: int) -> None:
        """More instants as soon as they are wanted, fewer after a while: who moves waits longer once."""
        self._coming = max(self._came, (self._coming + self._came) * 0.5**steps)
        self._came = 0.0
        while self._coming > _TOGETHER_MAX * self.instants:
            self.instants *= 2
        while self.instants > 1 and self._coming < _TOGETHER_MAX * self.instants * 3 / 8:
            self.instants //= 2
