"""Which of several workers may send to one group now, where its rate is too low to be shared out.

A chat channel takes a message a second. Halves of that rate, kept by two workers each for itself, still let two
messages go in one instant. So the workers take turns on the clock of the wall: time is cut into slots of one
worker each, in the order of their ids, and a slot is open only so long that the next one's first message comes a
whole period after its last. A fifth of the rate is what that costs.
"""

from __future__ import annotations

import msgspec

# At higher rates a slot would be as short as a turn of the event loop, and what may come together is little.
_PERIOD_MIN_S = 0.5
_SLOT_PERIODS = 1.25


class Part(msgspec.Struct, frozen=True):
    """A worker among those alive: the `rank`-th, from 0, of `of`."""

    rank: int = 0
    of: int = 1

    @property
    def share(self) -> float:
        return 1.0 / self.of


def slot_wait_s(part: Part, rate_per_s: float, wall_s: float) -> float:
    """How long until the worker's slot is open; 0: it is.

    Clocks of two workers that differ by d bring their messages d nearer to each other.
    """
    period_s = 1.0 / rate_per_s
    if part.of == 1 or period_s < _PERIOD_MIN_S:
        return 0.0
    slot_s = _SLOT_PERIODS * period_s
    cycle_s = slot_s * part.of
    into_s = (wall_s - part.rank * slot_s) % cycle_s
    return 0.0 if into_s < slot_s - period_s else cycle_s - into_s
