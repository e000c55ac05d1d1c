"""What the one on call asks for: which dependency works, since when not, and what was noticed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from notifyd.core.account import Account
from notifyd.core.log_row import RowKind
from notifyd.flow.alert_desk import AlertDesk
from notifyd.flow.prepared import Prepared
from notifyd.ports import Clock
from notifyd.telemetry.metrics import NO_CHANNEL, Metrics

# A dependency by this name; streams and retry queues go by their own.
LEASE_TABLE = "lease_table"


class DependencyState(msgspec.Struct):
    """Times are epoch seconds; `failing_since_s` None: the last call worked."""

    worked_at_s: float | None = None
    failing_since_s: float | None = None
    error: str = ""


class Watch:
    """Gathers from all over the flow; the health page reads it."""

    def __init__(self, clock: Clock, metrics: Metrics, alerts: AlertDesk) -> None:
        self._clock = clock
        self._metrics = metrics
        self.alerts = alerts
        self.dependencies: dict[str, DependencyState] = {}
        self.stopped_shards: dict[str, str] = {}

    def dependency_worked(self, name: str) -> None:
        state = self._state(name)
        state.worked_at_s = self._clock.now_s()
        state.failing_since_s = None
        state.error = ""

    def dependency_failed(self, name: str, error: str) -> None:
        state = self._state(name)
        if state.failing_since_s is None:
            state.failing_since_s = self._clock.now_s()
        state.error = error

    def _state(self, name: str) -> DependencyState:
        state = self.dependencies.get(name)
        if state is None:
            state = self.dependencies[name] = DependencyState()
        return state

    def read(self, source: str, records: int) -> None:
        self._metrics.records.add(records, source)

    def planned(self, prepared: Sequence[Prepared]) -> None:
        """The second equation's left side, and what was decided against."""
        duplicate = Account.DUPLICATE
        expanded = [entry for entry in prepared if entry.account is not duplicate]
        rows = [row for entry in expanded for row in entry.rows]
        planned: Counter[str] = Counter(
            [ticket.delivery.channel for entry in expanded for ticket in entry.tickets]
        )
        planned.update(row.channel or NO_CHANNEL for row in rows)
        planned.update(end.channel for entry in expanded for end in entry.dead_ends if end.channel is not None)
        self._metrics.planned.add_all({(channel,): count for channel, count in planned.items()})
        self._metrics.suppressed.add_all(
            Counter((row.channel or NO_CHANNEL, row.reason) for row in rows if row.kind is RowKind.SUPPRESSED)
        )

    def gap(self, key: str, after: str) -> None:
        self._metrics.gaps.add(1)
        self.alerts.note(
            f"records lost by the stream: {key}",
            f"what came after {after or 'its start'} was trimmed before it was read; "
            "a gap row is in the delivery log",
        )

    def shard_stopped(self, key: str, why: str) -> None:
        """The shard waits for a person; all others go on."""
        if key not in self.stopped_shards:
            self.alerts.note(f"shard stopped: {key}", f"{why}; `notifyd leases repair` looks everything up")
        self.stopped_shards[key] = why

    def shard_mended(self, key: str) -> None:
        self.stopped_shards.pop(key, None)
