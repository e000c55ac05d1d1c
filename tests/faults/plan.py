"""How a run is set: the load, the times, and which of them are the shipped defaults."""

from __future__ import annotations

import msgspec

from notifyd.config_sections import DeliverySection, LedgerSection
from notifyd.sandbox.world import SourceKind


class Times(msgspec.Struct, frozen=True):
    """The daemon's settings that a run waits for."""

    failover_time_s: float = LedgerSection().failover_time_s
    renew_interval_s: float = LedgerSection().renew_interval_s
    send_timeout_s: float = DeliverySection().send_timeout_s

    @property
    def sends_for_s(self) -> float:
        """So long after its last acknowledged heartbeat an owner may still begin to send."""
        return self.failover_time_s - self.send_timeout_s - 1.0

    @property
    def environment(self) -> dict[str, str]:
        return {
            "NOTIFYD_LEDGER__FAILOVER_TIME_S": f"{self.failover_time_s:g}",
            "NOTIFYD_LEDGER__RENEW_INTERVAL_S": f"{self.renew_interval_s:g}",
            "NOTIFYD_DELIVERY__SEND_TIMEOUT_S": f"{self.send_timeout_s:g}",
        }


# The shortest that the config lets pass with a send timeout of 2 s: for tests, not for figures.
SHORT_TIMES = Times(failover_time_s=6, renew_interval_s=1, send_timeout_s=2)


class Plan(msgspec.Struct, frozen=True):
    """`rate_per_s`: events. A world of `events_max` is made, and as much of it written as the run lasts."""

    rate_per_s: float = 200.0
    latency_s: float = 0.05
    source: SourceKind = SourceKind.DYNAMODB
    seed: int = 1
    replicas: int = 2
    events_max: int = 100_000
    times: Times = Times()
    start_timeout_s: float = 60.0
    slots_max: int = LedgerSection().slots_max
    drain_timeout_s: float = DeliverySection().drain_timeout_s

    @property
    def caught_up_timeout_s(self) -> float:
        """A takeover, and the backlog of it twice over."""
        return 4 * self.times.failover_time_s + 120
