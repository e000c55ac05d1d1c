"""What waits for a provider in vain: to the retry queue, so that no provider holds a shard or a channel back."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from notifyd.core.outcome import Reason
from notifyd.flow.lanes import Lanes
from notifyd.flow.record import Recorder
from notifyd.flow.ticket import Ticket
from notifyd.ports import Clock

_INTERVAL_S = 0.25
# What was begun in the last second tells how much of what waits can be begun in time.
_PROGRESS_LOOKS = 4
_STUCK_S = 1.0


class Shedding:
    """`begun_count`: how many deliveries were begun by now. `held_max`: see Dispatcher."""

    def __init__(
        self,
        lanes: Lanes,
        recorder: Recorder,
        *,
        begun_count: Callable[[], int],
        queue_wait_max_s: float,
        held_max: int | None,
        clock: Clock,
    ) -> None:
        self._lanes = lanes
        self._recorder = recorder
        self._begun_count = begun_count
        self._queue_wait_max_s = queue_wait_max_s
        self._held_max = held_max
        self._clock = clock

    async def run(self) -> None:
        begun = deque([0], maxlen=_PROGRESS_LOOKS + 1)
        while True:
            await self._clock.sleep(_INTERVAL_S)
            now_s = self._clock.elapsed_s()
            for late in self._lanes.shed(now_s - self._queue_wait_max_s):
                self._hand_over(late)
            begun.append(self._begun_count())
            surplus = self._surplus(begun[-1] - begun[0], now_s)
            if surplus:
                self._hand_over(surplus)

    def _surplus(self, begun_lately: int, now_s: float) -> list[Ticket]:
        """Of what waits, the last that will not be begun in time anyhow, as far as others could want its slots."""
        if self._held_max is None or self._lanes.longest_wait_s(now_s) < _STUCK_S:
            return []
        begun_per_s = begun_lately / (_PROGRESS_LOOKS * _INTERVAL_S)
        kept_max = max(self._held_max // 2, int(begun_per_s * self._queue_wait_max_s))
        if len(self._lanes) <= kept_max:
            return []
        waiting = self._lanes.take_all()
        self._lanes.put_back(waiting[:kept_max])
        return waiting[kept_max:]

    def _hand_over(self, tickets: list[Ticket]) -> None:
        kept: list[Ticket] = []
        for ticket in tickets:
            if ticket.owner.may_send(ticket):
                kept.append(ticket)
            else:
                ticket.owner.dropped([ticket])
        if kept:
            self._recorder.postpone(kept, Reason.QUEUE_WAIT)
