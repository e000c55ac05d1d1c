"""From outcomes to durable rows, and from there to the retry queue, the DLQ or the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import msgspec

from notifyd.core.channel import Channel, InDoubt
from notifyd.core.log_row import LogRow, RowKind
from notifyd.core.log_rows import ANSWER_CHARS_MAX, RowMaker
from notifyd.core.outcome import Accepted, AddressGone, Deferred, Outcome, Reason, Rejected, Unknown
from notifyd.core.retry import Ending, RetryPolicy, next_attempt_at_s
from notifyd.core.retry_message import Attempted, DeadMessage, RetryMessage
from notifyd.flow.alert_desk import AlertDesk
from notifyd.flow.claim_check import check_in
from notifyd.flow.log_writer import LogWriter
from notifyd.flow.outbox import Outbox
from notifyd.flow.prepared import DeadEnd
from notifyd.flow.ticket import Ticket
from notifyd.ports import Clock, Entropy
from notifyd.telemetry.metrics import Metrics

_TURN_DOUBLINGS_MAX = 5


class Ends(msgspec.Struct):
    """What follows once the rows of one provider call are durable."""

    settled: list[Ticket] = []
    again: list[tuple[Ticket, RetryMessage]] = []
    dead: list[tuple[Ticket, DeadMessage]] = []


class Recorder:
    """Row first, then hand-over, then settled. A crash between any two is found by the row on recovery."""

    def __init__(
        self,
        *,
        log_writer: LogWriter,
        rows: RowMaker,
        retry: Mapping[Channel, Outbox[RetryMessage]],
        dead_letters: Mapping[Channel | None, Outbox[DeadMessage]],
        alerts: AlertDesk,
        policy: RetryPolicy,
        clock: Clock,
        entropy: Entropy,
        metrics: Metrics,
    ) -> None:
        self.log_writer = log_writer
        self.rows = rows
        self._retry = retry
        self._dead_letters = dead_letters
        self._alerts = alerts
        self._policy = policy
        self._clock = clock
        self._entropy = entropy
        self._metrics = metrics

    def outcomes(self, tickets: Sequence[Ticket], outcomes: Sequence[Outcome], provider: str) -> None:
        """One provider call's answers, in order."""
        now_s = self._clock.now_s()
        rows: list[LogRow] = []
        ends = Ends()
        for ticket, outcome in zip(tickets, outcomes, strict=True):
            delivery = ticket.delivery
            rows.append(
                self.rows.outcome_row(delivery, outcome, position=ticket.position, at_s=now_s, provider=provider)
            )
            if ticket.again and isinstance(outcome, Accepted | Unknown):
                self._metrics.duplicates.add(1, delivery.channel)
            self._follow(ticket, outcome, provider, now_s, rows, ends)
        self._count(tickets, outcomes, provider, now_s)
        self.log_writer.submit(rows, lambda: self._durable(ends))

    def _follow(
        self,
        ticket: Ticket,
        outcome: Outcome,
        provider: str,
        now_s: float,
        rows: list[LogRow],
        ends: Ends,
    ) -> None:
        match outcome:
            case Accepted() | Rejected() | AddressGone():
                ends.settled.append(ticket)
            case Unknown(reason, answer) if ticket.delivery.in_doubt is InDoubt.HOLD:
                story = (*ticket.story, _attempted(ticket, now_s, "unknown", reason, provider, answer))
                self._bury(ticket, Reason.IN_DOUBT_HELD, story, now_s, rows, ends)
            case Unknown(reason, answer):
                self._metrics.in_doubt.add(1, ticket.delivery.channel)
                story = (*ticket.story, _attempted(ticket, now_s, "unknown", reason, provider, answer))
                self._again(ticket, story, now_s, rows, ends, in_doubt=True)
            case Deferred(reason, retry_after_s, answer):
                story = (*ticket.story, _attempted(ticket, now_s, "deferred", reason, provider, answer))
                self._again(ticket, story, now_s, rows, ends, in_doubt=ticket.again, retry_after_s=retry_after_s)

    def list_again(self, tickets: Sequence[Ticket], on_listed: Callable[[], None]) -> None:
        """Before the resend, because who makes it may die over it, and the first sender's row come after all:
        then nothing else would tell of the two.
        """
        now_s = self._clock.now_s()
        self.log_writer.submit(
            [self._row(ticket, RowKind.POSSIBLE_DUPLICATE, now_s) for ticket in tickets], on_listed
        )

    def postpone(self, tickets: Sequence[Ticket], reason: Reason) -> None:
        """To the retry queue unsent: a turn, with a number of its own for its claim, but no try of the policy.

        The row comes first: it tells recovery not to send.
        """
        now_s = self._clock.now_s()
        rows: list[LogRow] = []
        ends = Ends()
        for ticket in tickets:
            rows.append(self._row(ticket, RowKind.DEFERRED, now_s, reason=reason))
            wait_s = self._turn_wait_s(ticket.delivery.attempt)
            message = ticket.retry_message(
                attempt=ticket.delivery.attempt + 1,
                not_before_s=now_s + wait_s,
                story=ticket.story,
                in_doubt=ticket.again,
            )
            ends.again.append((ticket, message))
        self.log_writer.submit(rows, lambda: self._durable(ends))

    def _turn_wait_s(self, turn: int) -> float:
        """Grows with each turn that came to nothing, to about a minute: a long outage must not become a storm."""
        doubled_s = self._policy.backoff_base_s * 2.0 ** min(turn - 1, _TURN_DOUBLINGS_MAX)
        return doubled_s * (1.0 + self._entropy.fraction())

    def bury(self, ticket: Ticket, reason: Reason) -> None:
        """To the DLQ without an attempt: in doubt and held."""
        now_s = self._clock.now_s()
        rows: list[LogRow] = []
        ends = Ends()
        self._bury(ticket, reason, ticket.story, now_s, rows, ends)
        self.log_writer.submit(rows, lambda: self._durable(ends))

    def expire(self, tickets: Sequence[Ticket]) -> None:
        """Past the deadline before an attempt was made: never sent late."""
        now_s = self._clock.now_s()
        rows: list[LogRow] = []
        ends = Ends()
        for ticket in tickets:
            self._expire(ticket, ticket.story, now_s, rows, ends)
        self.log_writer.submit(rows, lambda: self._durable(ends))

    def _again(
        self,
        ticket: Ticket,
        story: tuple[Attempted, ...],
        now_s: float,
        rows: list[LogRow],
        ends: Ends,
        *,
        in_doubt: bool,
        retry_after_s: float | None = None,
    ) -> None:
        delivery = ticket.delivery
        at = next_attempt_at_s(
            self._policy,
            attempts_made=len(story),
            now_s=now_s,
            deadline_at_s=delivery.deadline_at_s,
            fraction=self._entropy.fraction(),
            retry_after_s=retry_after_s,
        )
        if at is Ending.ATTEMPTS:
            self._bury(ticket, Reason.ATTEMPTS, story, now_s, rows, ends)
        elif at is Ending.DEADLINE:
            self._expire(ticket, story, now_s, rows, ends)
        else:
            message = ticket.retry_message(
                attempt=delivery.attempt + 1, not_before_s=at, story=story, in_doubt=in_doubt
            )
            ends.again.append((ticket, message))

    def _bury(
        self,
        ticket: Ticket,
        reason: Reason,
        story: tuple[Attempted, ...],
        now_s: float,
        rows: list[LogRow],
        ends: Ends,
    ) -> None:
        rows.append(self._row(ticket, RowKind.DEAD, now_s, reason=reason))
        self._metrics.dead.add(1, ticket.delivery.channel, reason)
        ends.dead.append((ticket, _dead_message(ticket, reason, story, now_s)))

    def _expire(
        self,
        ticket: Ticket,
        story: tuple[Attempted, ...],
        now_s: float,
        rows: list[LogRow],
        ends: Ends,
    ) -> None:
        rows.append(self._row(ticket, RowKind.EXPIRED, now_s, reason=Reason.DEADLINE))
        self._metrics.expired.add(1, ticket.delivery.channel)
        ends.dead.append((ticket, _dead_message(ticket, Reason.DEADLINE, story, now_s)))

    def _row(self, ticket: Ticket, kind: RowKind, now_s: float, *, reason: str = "") -> LogRow:
        return self.rows.row(ticket.delivery, kind, position=ticket.position, at_s=now_s, reason=reason)

    def _count(self, tickets: Sequence[Ticket], outcomes: Sequence[Outcome], provider: str, now_s: float) -> None:
        channel = tickets[0].delivery.channel
        answers = Counter(answer_labels(outcome) for outcome in outcomes)
        self._metrics.answers.add_all(
            {(channel, provider, kind, reason): count for (kind, reason), count in answers.items()}
        )
        self._metrics.latency.observe_all(
            [
                now_s - ticket.produced_at_s
                for ticket, outcome in zip(tickets, outcomes, strict=True)
                if type(outcome) is Accepted
            ],
            channel,
        )

    def _durable(self, ends: Ends) -> None:
        for ticket, message in ends.again:
            self._metrics.retried.add(1, message.channel)
            row = check_in(message, self.rows, self._clock.now_s())
            put = partial(self._retry[message.channel].submit, message, partial(settle, [ticket]))
            self.log_writer.submit([] if row is None else [row], put)
        for ticket, dead in ends.dead:
            self.dead_letter(ticket.delivery.channel, dead, dead.reason, partial(settle, [ticket]))
        if ends.settled:
            settle(ends.settled)

    def hand_over(self, ticket: Ticket) -> None:
        """Its row stands already; whether its message does too, the attempt's claim will tell."""
        message = ticket.retry_message(
            attempt=ticket.delivery.attempt + 1,
            not_before_s=self._clock.now_s() + self._policy.backoff_base_s,
            story=ticket.story,
            in_doubt=ticket.again,
        )
        self._durable(Ends(again=[(ticket, message)]))

    def dead_end(self, dead_end: DeadEnd, on_end: Callable[[], None]) -> None:
        """What was never a delivery to send: malformed, or its template or filter raised."""
        rows = [dead_end.row] if dead_end.row is not None else []
        # The row's reason is one of few; the message's own words may quote the event.
        reason = dead_end.row.reason if dead_end.row is not None else "malformed"
        if dead_end.channel is not None:
            self._metrics.dead.add(1, dead_end.channel, reason)
        self.log_writer.submit(rows, lambda: self.dead_letter(dead_end.channel, dead_end.message, reason, on_end))

    def dead_letter(
        self, channel: Channel | None, message: DeadMessage, reason: str, on_taken: Callable[[], None]
    ) -> None:
        """Onto the DLQ, and a word to the people on call."""
        self._dead_letters[channel].submit(message, on_taken)
        where = f"dlq-{channel}" if channel is not None else "dlq-events"
        self._alerts.note(f"{where}: {reason}", f"position {message.position}")


def answer_labels(outcome: Outcome) -> tuple[str, str]:
    match outcome:
        case Accepted():
            return "accepted", ""
        case AddressGone():
            return "address_gone", ""
        case Deferred(reason, _, _):
            return "deferred", reason
        case Rejected(reason, _):
            return "rejected", reason
        case Unknown(reason, _):
            return "unknown", reason


def settle(tickets: Sequence[Ticket]) -> None:
    """Tells each owner once of all its tickets."""
    by_owner: dict[int, list[Ticket]] = {}
    for ticket in tickets:
        by_owner.setdefault(id(ticket.owner), []).append(ticket)
    for owned in by_owner.values():
        owned[0].owner.settled(owned)


def _attempted(ticket: Ticket, now_s: float, kind: str, reason: Reason, provider: str, answer: str) -> Attempted:
    return Attempted(ticket.delivery.attempt, now_s, kind, reason, provider, answer[:ANSWER_CHARS_MAX])


def _dead_message(ticket: Ticket, reason: Reason, story: tuple[Attempted, ...], now_s: float) -> DeadMessage:
    message = ticket.retry_message(
        attempt=ticket.delivery.attempt + 1, not_before_s=now_s, story=story, in_doubt=ticket.again
    )
    return DeadMessage(reason=reason, at_s=now_s, position=ticket.position, delivery=message)
