"""Where goes what became of deliveries: log rows, retry queues, dead-letter queues, alerts, dead addresses."""

from __future__ import annotations

from collections.abc import Coroutine, Iterator
from functools import partial
from typing import Any

from notifyd.core.channel import Channel
from notifyd.core.log_rows import RowMaker
from notifyd.core.retry_message import DeadMessage, RetryMessage
from notifyd.flow.alert_desk import AlertDesk
from notifyd.flow.dead_addresses import DeadAddresses
from notifyd.flow.finish import Finisher
from notifyd.flow.log_writer import LogWriter
from notifyd.flow.outbox import Outbox
from notifyd.flow.record import Recorder
from notifyd.flow.setup import FlowSettings, Outside
from notifyd.telemetry.metrics import Metrics


class Outlets:
    """All of them for one worker, and the recorder who brings to each what is its own."""

    def __init__(self, outside: Outside, settings: FlowSettings, metrics: Metrics) -> None:
        clock, entropy = outside.clock, outside.entropy
        self.rows = RowMaker(settings.log_ttl_s)
        self.alerts = AlertDesk(outside.alerts, clock, fold_s=settings.alert_fold_s)
        self.log_writer = LogWriter(outside.delivery_log, clock, entropy, metrics, flush_ms=settings.log_flush_ms)
        self._retry: dict[Channel, Outbox[RetryMessage]] = {
            channel: Outbox(f"retry {channel}", queue.put, clock, entropy)
            for channel, queue in outside.retry_queues.items()
        }
        self._dead: dict[Channel | None, Outbox[DeadMessage]] = {
            channel: Outbox(
                f"dlq {channel or 'events'}", partial(outside.dead_letters.put, channel), clock, entropy
            )
            for channel in (None, *outside.providers)
        }
        book = outside.address_book
        self._dead_addresses = None if book is None else DeadAddresses(book, metrics)
        finisher = Finisher(
            log_writer=self.log_writer,
            rows=self.rows,
            retry=self._retry,
            dead_letters=self._dead,
            alerts=self.alerts,
            dead_addresses=self._dead_addresses,
            clock=clock,
            metrics=metrics,
        )
        self.recorder = Recorder(
            finisher,
            policy=settings.retry,
            settle_s=outside.settle_s(),
            clock=clock,
            entropy=entropy,
            metrics=metrics,
        )

    def services(self) -> Iterator[Coroutine[Any, Any, None]]:
        """What runs until the last shard is released."""
        yield self.log_writer.run()
        yield self.alerts.run()
        if self._dead_addresses is not None:
            yield self._dead_addresses.run()
        yield from (outbox.run() for outbox in self._retry.values())
        yield from (outbox.run() for outbox in self._dead.values())
