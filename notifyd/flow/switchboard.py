"""What people switched, as the control table says it; asked every few seconds by each worker."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from notifyd.core.provider_standing import Seen
from notifyd.core.switches import Switches
from notifyd.errors import AwsError, TransportError
from notifyd.flow.watch import Watch
from notifyd.ports import Clock, ControlTable

log = structlog.get_logger(__name__)

# The whole fleet follows a switch within 5 s: two looks and an answer's time.
LOOK_INTERVAL_S = 2.0
_REPORT_INTERVAL_S = 10.0


class Switchboard:
    """Where the table cannot be read, the last word stands."""

    def __init__(self, table: ControlTable, worker_id: str, clock: Clock, watch: Watch) -> None:
        self.current = Switches()
        self._table = table
        self._worker_id = worker_id
        self._clock = clock
        self._watch = watch
        self._followers: list[Callable[[], None]] = []
        self._reported_at_s: float | None = None
        self.report: Callable[[], list[Seen]] = list

    def on_change(self, follower: Callable[[], None]) -> None:
        self._followers.append(follower)

    async def run(self) -> None:
        while True:
            await self.look()
            await self._clock.sleep(LOOK_INTERVAL_S)

    async def look(self) -> None:
        try:
            self._follow(await self._table.switches())
            await self._tell()
        except (AwsError, TransportError) as error:
            self._watch.dependency_failed("control_table", str(error))
            return
        self._watch.dependency_worked("control_table")

    def _follow(self, switches: Switches) -> None:
        if switches != self.current:
            log.info("switches_changed", providers=switches.providers, paused=sorted(switches.paused_types))
            self.current = switches
            for follower in self._followers:
                follower()

    async def _tell(self) -> None:
        """What this worker sees of its providers, for `notifyd providers`."""
        now_s = self._clock.elapsed_s()
        if self._reported_at_s is None or now_s - self._reported_at_s >= _REPORT_INTERVAL_S:
            self._reported_at_s = now_s
            await self._table.report(self._worker_id, self._clock.now_s(), self.report())
