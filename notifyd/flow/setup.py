"""What the flow is given: the outside, and its settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from notifyd.core.channel import Channel
from notifyd.core.decode import Decoder
from notifyd.core.retry import RetryPolicy
from notifyd.core.sequence import StartingPosition
from notifyd.flow.deliver import DeliverTimes
from notifyd.flow.feed_turns import FeedTimes
from notifyd.flow.heart import HeartTimes
from notifyd.flow.leasing import LeaseTimes
from notifyd.flow.redeliver import RedeliverTimes
from notifyd.ports import (
    AddressBook,
    Alerts,
    Clock,
    ControlTable,
    DeadLetters,
    DeliveryLog,
    Directory,
    Entropy,
    LeaseTable,
    Lookup,
    ProviderRoute,
    RetryQueue,
    Source,
)


class SourceSetup(msgspec.Struct, frozen=True):
    """`dedupe_window_s` None: what comes twice is sent twice."""

    source: Source
    decoder: Decoder
    starting_position: StartingPosition | None
    record_age_max_s: float | None
    times: FeedTimes
    dedupe_window_s: float | None = None


class Outside(msgspec.Struct, frozen=True):
    """Everything that the flow talks to. `lookups` by type and name."""

    clock: Clock
    entropy: Entropy
    lease_table: LeaseTable
    delivery_log: DeliveryLog
    retry_queues: Mapping[Channel, RetryQueue]
    dead_letters: DeadLetters
    alerts: Alerts
    directory: Directory
    lookups: Mapping[tuple[str, str], Lookup]
    control: ControlTable
    providers: Mapping[Channel, Sequence[ProviderRoute]]
    sources: Sequence[SourceSetup]
    address_book: AddressBook | None = None

    def settle_s(self) -> dict[Channel, float]:
        """Until a channel's providers can be asked what they took; 0 where none ever can be."""
        return {
            channel: max(
                (limits.settle_s for route in routes if (limits := route.provider.look_up_limits)), default=0.0
            )
            for channel, routes in self.providers.items()
        }


class FlowSettings(msgspec.Struct, frozen=True):
    worker_id: str
    slots_max: int
    commit_interval_s: float
    span_max: int
    bytes_in_process_max: int
    dedupe_bytes_max: int
    heart: HeartTimes
    lease: LeaseTimes
    deliver: DeliverTimes
    retry: RetryPolicy
    redeliver: RedeliverTimes
    log_flush_ms: float
    log_ttl_s: float
    alert_fold_s: float
    drain_timeout_s: float
