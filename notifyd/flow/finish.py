"""From durable rows to the retry queue, the DLQ or the end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import msgspec

from notifyd.core.channel import Channel
from notifyd.core.dead_address import DeadAddress
from notifyd.core.log_row import LogRow, RowKind
from notifyd.core.log_rows import RowMaker
from notifyd.core.outcome import Reason
from notifyd.core.retry_message import DeadMessage, RetryMessage
from notifyd.flow.alert_desk import AlertDesk
from notifyd.flow.claim_check import check_in, cut, fits_a_message
from notifyd.flow.dead_addresses import DeadAddresses
from notifyd.flow.log_writer import LogWriter
from notifyd.flow.outbox import Outbox
from notifyd.flow.prepared import DeadEnd
from notifyd.flow.ticket import Ticket
from notifyd.ports import Clock
from notifyd.telemetry.metrics import Metrics


class Ends(msgspec.Struct):
    """The rows of one provider call, written at `at_s`, and what follows once they are durable."""

    at_s: float
    rows: list[LogRow] = []
    settled: list[Ticket] = []
    again: list[tuple[Ticket, RetryMessage]] = []
    dead: list[tuple[Ticket, DeadMessage]] = []
    gone: list[DeadAddress] = []


class Finisher:
    """Row first, then hand-over, then settled. A crash between any two is found by the row on recovery."""

    def __init__(
        self,
        *,
        log_writer: LogWriter,
        rows: RowMaker,
        retry: Mapping[Channel, Outbox[RetryMessage]],
        dead_letters: Mapping[Channel | None, Outbox[DeadMessage]],
        alerts: AlertDesk,
        dead_addresses: DeadAddresses | None,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        """`dead_addresses` None: what is gone stays in the address book."""
        self.log_writer = log_writer
        self.rows = rows
        self._retry = retry
        self._dead_letters = dead_letters
        self._alerts = alerts
        self._dead_addresses = dead_addresses
        self._clock = clock
        self._metrics = metrics

    def finish(self, ends: Ends) -> None:
        self.log_writer.submit(ends.rows, lambda: self._durable(ends))

    def _durable(self, ends: Ends) -> None:
        for ticket, message in ends.again:
            self._try_again(ticket, message)
        for ticket, dead in ends.dead:
            self._dead_letter(ticket.delivery.channel, dead, dead.reason, partial(settle, [ticket]))
        if self._dead_addresses is not None:
            for gone in ends.gone:
                self._dead_addresses.note(gone)
        if ends.settled:
            settle(ends.settled)

    def _try_again(self, ticket: Ticket, message: RetryMessage) -> None:
        now_s, settled = self._clock.now_s(), partial(settle, [ticket])
        if not fits_a_message(message):
            reason = Reason.PAYLOAD_TOO_LARGE
            row = self.rows.row(ticket.delivery, RowKind.DEAD, position=ticket.position, at_s=now_s, reason=reason)
            dead = DeadMessage(reason, now_s, ticket.position, delivery=message)
            self.dead_end(DeadEnd(message.channel, dead, row), settled)
            return
        self._metrics.retried.add(1, message.channel)
        kept = check_in(message, self.rows, now_s)
        put = partial(self._retry[message.channel].submit, message, settled)
        self.log_writer.submit([] if kept is None else [kept], put)

    def dead_end(self, dead_end: DeadEnd, on_end: Callable[[], None]) -> None:
        """What is not sent, or not again: malformed, its template or filter raised, or too large for a queue."""
        rows = [dead_end.row] if dead_end.row is not None else []
        # The row's reason is one of few; the message's own words may quote the event.
        reason = dead_end.row.reason if dead_end.row is not None else "malformed"
        if dead_end.channel is not None:
            self._metrics.dead.add(1, dead_end.channel, reason)
        self.log_writer.submit(rows, lambda: self._dead_letter(dead_end.channel, dead_end.message, reason, on_end))

    def _dead_letter(
        self, channel: Channel | None, message: DeadMessage, reason: str, on_taken: Callable[[], None]
    ) -> None:
        """Onto the DLQ, and a word to the people on call."""
        self._dead_letters[channel].submit(cut(message), on_taken)
        where = f"dlq-{channel}" if channel is not None else "dlq-events"
        self._alerts.note(f"{where}: {reason}", f"position {message.position}")


def settle(tickets: Sequence[Ticket]) -> None:
    """Tells each owner once of all its tickets."""
    by_owner: defaultdict[int, list[Ticket]] = defaultdict(list)
    for ticket in tickets:
        by_owner[id(ticket.owner)].append(ticket)
    for owned in by_owner.values():
        owned[0].owner.settled(owned)
