"""From outcomes to rows, and to what follows once these are durable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from notifyd.core.channel import Channel, InDoubt
from notifyd.core.dead_address import DeadAddress
from notifyd.core.log_row import LogRow, RowKind
from notifyd.core.log_rows import ANSWER_CHARS_MAX
from notifyd.core.message import Sms, message_of
from notifyd.core.outcome import (
    ACCEPTED_LABELS,
    Accepted,
    AddressGone,
    Deferred,
    Outcome,
    Reason,
    Rejected,
    Unknown,
    answer_labels,
)
from notifyd.core.retry import Ending, RetryPolicy, next_attempt_at_s
from notifyd.core.retry_message import Attempted, DeadMessage, RetryMessage
from notifyd.core.sms_segments import count
from notifyd.flow.finish import Ends, Finisher
from notifyd.flow.ticket import Ticket
from notifyd.ports import Clock, Entropy
from notifyd.telemetry.metrics import Metrics

Story = tuple[Attempted, ...]
_TURN_DOUBLINGS_MAX = 5
# A queue counts its delays in whole seconds, and what comes up to one early is due.
_DELAY_ROUNDING_S = 1.5


class Recorder:
    """Says of each delivery what became of it, and whether it is tried again, buried or over."""

    def __init__(
        self,
        finisher: Finisher,
        *,
        policy: RetryPolicy,
        settle_s: Mapping[Channel, float],
        clock: Clock,
        entropy: Entropy,
        metrics: Metrics,
    ) -> None:
        """`settle_s`: by channel, until its provider can be asked what it took."""
        self.finisher = finisher
        self._rows = finisher.rows
        self._policy = policy
        self._settle_s = settle_s
        self._clock = clock
        self._entropy = entropy
        self._metrics = metrics

    def outcomes(self, tickets: Sequence[Ticket], outcomes: Sequence[Outcome], provider: str) -> None:
        """One provider call's answers, in order."""
        ends = Ends(self._clock.now_s())
        for ticket, outcome in zip(tickets, outcomes, strict=True):
            delivery = ticket.delivery
            ends.rows.append(
                self._rows.outcome_row(
                    delivery,
                    outcome,
                    position=ticket.position,
                    at_s=ends.at_s,
                    provider=provider,
                    refused_by=ticket.refused_by,
                )
            )
            if ticket.again and isinstance(outcome, Accepted | Unknown):
                self._metrics.duplicates.add(1, delivery.channel)
            if type(outcome) is Accepted:  # as nearly all are
                ends.settled.append(ticket)
            else:
                self._follow(ticket, outcome, provider, ends)
        self._count(tickets, outcomes, provider, ends.at_s)
        self.finisher.finish(ends)

    def refused(self, tickets: Sequence[Ticket], outcomes: Sequence[Outcome], provider: str) -> None:
        """Refusals that another provider is asked about at once.

        They get no row of their own: a row says that the attempt is over, and a crash after it would let the
        delivery be sent once more, unlisted. The row of the attempt's end names who refused.
        """
        now_s = self._clock.now_s()
        for ticket, outcome in zip(tickets, outcomes, strict=True):
            if isinstance(outcome, Deferred | Rejected):
                kind, _ = answer_labels(outcome)
                tried = _attempted(ticket, now_s, kind, outcome.reason, provider, outcome.answer)
                ticket.story = (*ticket.story, tried)
        self._count(tickets, outcomes, provider, now_s)

    def _follow(self, ticket: Ticket, outcome: Outcome, provider: str, ends: Ends) -> None:
        match outcome:
            case Rejected():
                ends.settled.append(ticket)
            case AddressGone(_, since_s):
                ends.settled.append(ticket)
                ends.gone.append(_dead_address(ticket, ends.at_s if since_s is None else since_s))
            case Unknown(reason, answer):
                story = (*ticket.story, _attempted(ticket, ends.at_s, "unknown", reason, provider, answer))
                self._doubt(ticket, story, ends)
            case Deferred(reason, retry_after_s, answer):
                story = (*ticket.story, _attempted(ticket, ends.at_s, "deferred", reason, provider, answer))
                self._again(ticket, story, ends, in_doubt=ticket.again, retry_after_s=retry_after_s)

    def _doubt(self, ticket: Ticket, story: Story, ends: Ends) -> None:
        match ticket.delivery.in_doubt:
            case InDoubt.RESEND:
                self._metrics.in_doubt.add(1, ticket.delivery.channel)
                self._again(ticket, story, ends, in_doubt=True)
            case InDoubt.LOOK_UP:
                self._metrics.in_doubt.add(1, ticket.delivery.channel)
                ends.again.append((ticket, self._looked_up_later(ticket, story, ends.at_s)))
            case InDoubt.HOLD:
                self._bury(ticket, Reason.IN_DOUBT_HELD, story, ends)

    def _looked_up_later(self, ticket: Ticket, story: Story, now_s: float) -> RetryMessage:
        """The queue keeps the provider's settle time, by its own clock: what is received may be asked about.

        Neither deadline nor attempts end a delivery before somebody was asked.
        """
        ticket.doubted_at_s = now_s
        settle_s = self._settle_s[ticket.delivery.channel]
        return ticket.retry_message(
            attempt=ticket.delivery.attempt + 1,
            not_before_s=now_s + settle_s + _DELAY_ROUNDING_S + self._entropy.fraction(),
            story=story,
            in_doubt=True,
        )

    def look_up_later(self, ticket: Ticket) -> None:
        """Whoever had claimed it is dead, and nobody knows what he did. The row tells recovery not to send."""
        now_s = self._clock.now_s()
        row = self._row(ticket, RowKind.UNKNOWN, now_s, reason=Reason.CRASH)
        message = self._looked_up_later(ticket, ticket.story, now_s)
        self.finisher.finish(Ends(now_s, [row], again=[(ticket, message)]))

    def was_taken(self, ticket: Ticket, provider: str, provider_id: str, *, by: str) -> None:
        """In doubt no longer: `by` whose word it was accepted. Nothing is sent."""
        now_s = self._clock.now_s()
        row = self._rows.row(
            ticket.delivery,
            RowKind.ACCEPTED,
            position=ticket.position,
            at_s=now_s,
            provider=provider,
            provider_id=provider_id,
            detail={"found_by": by},
        )
        self.finisher.finish(Ends(now_s, [row], settled=[ticket]))

    def ended_by_copy(self, ticket: Ticket, row: LogRow) -> None:
        """The same end, `row`, for this record of the event: nothing else will be told of it."""
        now_s = self._clock.now_s()
        own = self._rows.row(
            ticket.delivery,
            row.kind,
            position=ticket.position,
            at_s=now_s,
            provider=row.provider,
            provider_id=row.provider_id,
            reason=row.reason,
            detail={"found_by": "copy"},
        )
        self.finisher.finish(Ends(now_s, [own], settled=[ticket]))

    def is_spent(self, ticket: Ticket) -> bool:
        """Whether it has had all its attempts."""
        return len(ticket.story) >= self._policy.attempts_max

    def list_again(self, tickets: Sequence[Ticket], on_listed: Callable[[], None]) -> None:
        """Before the resend, because who makes it may die over it, and the first sender's row come after all:
        then nothing else would tell of the two.
        """
        now_s = self._clock.now_s()
        self.finisher.log_writer.submit(
            [self._row(ticket, RowKind.POSSIBLE_DUPLICATE, now_s) for ticket in tickets], on_listed
        )

    def postpone(self, tickets: Sequence[Ticket], reason: Reason) -> None:
        """To the retry queue unsent: a turn, with a number of its own for its claim, but no try of the policy.

        The row comes first: it tells recovery not to send.
        """
        ends = Ends(self._clock.now_s())
        for ticket in tickets:
            ends.rows.append(self._row(ticket, RowKind.DEFERRED, ends.at_s, reason=reason))
            wait_s = self._turn_wait_s(ticket.delivery.attempt)
            message = ticket.retry_message(
                attempt=ticket.delivery.attempt + 1,
                not_before_s=min(ends.at_s + wait_s, ticket.delivery.deadline_at_s),
                story=ticket.story,
                in_doubt=ticket.again,
            )
            ends.again.append((ticket, message))
        self.finisher.finish(ends)

    def _turn_wait_s(self, turn: int) -> float:
        """Grows with each turn that came to nothing, to about a minute: a long outage must not become a storm."""
        doubled_s = self._policy.backoff_base_s * 2.0 ** min(turn - 1, _TURN_DOUBLINGS_MAX)
        return doubled_s * (1.0 + self._entropy.fraction())

    def bury(self, ticket: Ticket, reason: str) -> None:
        """To the DLQ without an attempt: in doubt and held, or once more what a row says is dead."""
        ends = Ends(self._clock.now_s())
        self._bury(ticket, reason, ticket.story, ends)
        self.finisher.finish(ends)

    def expire(self, tickets: Sequence[Ticket]) -> None:
        """Past the deadline before an attempt was made: never sent late."""
        ends = Ends(self._clock.now_s())
        for ticket in tickets:
            self._expire(ticket, ticket.story, ends)
        self.finisher.finish(ends)

    def _again(
        self, ticket: Ticket, story: Story, ends: Ends, *, in_doubt: bool, retry_after_s: float | None = None
    ) -> None:
        delivery = ticket.delivery
        at = next_attempt_at_s(
            self._policy,
            attempts_made=len(story),
            now_s=ends.at_s,
            deadline_at_s=delivery.deadline_at_s,
            fraction=self._entropy.fraction(),
            retry_after_s=retry_after_s,
        )
        if at is Ending.ATTEMPTS:
            self._bury(ticket, Reason.ATTEMPTS, story, ends)
        elif at is Ending.DEADLINE:
            self._expire(ticket, story, ends)
        else:
            message = ticket.retry_message(
                attempt=delivery.attempt + 1, not_before_s=at, story=story, in_doubt=in_doubt
            )
            ends.again.append((ticket, message))

    def _bury(self, ticket: Ticket, reason: str, story: Story, ends: Ends) -> None:
        ends.rows.append(self._row(ticket, RowKind.DEAD, ends.at_s, reason=reason))
        self._metrics.dead.add(1, ticket.delivery.channel, reason)
        ends.dead.append((ticket, _dead_message(ticket, reason, story, ends.at_s)))

    def _expire(self, ticket: Ticket, story: Story, ends: Ends) -> None:
        ends.rows.append(self._row(ticket, RowKind.EXPIRED, ends.at_s, reason=Reason.DEADLINE))
        self._metrics.expired.add(1, ticket.delivery.channel)
        ends.dead.append((ticket, _dead_message(ticket, Reason.DEADLINE, story, ends.at_s)))

    def _row(self, ticket: Ticket, kind: RowKind, now_s: float, *, reason: str = "") -> LogRow:
        return self._rows.row(ticket.delivery, kind, position=ticket.position, at_s=now_s, reason=reason)

    def _count(self, tickets: Sequence[Ticket], outcomes: Sequence[Outcome], provider: str, now_s: float) -> None:
        channel = tickets[0].delivery.channel
        accepted = [ticket for ticket, outcome in zip(tickets, outcomes, strict=True) if type(outcome) is Accepted]
        if len(accepted) == len(outcomes):
            answers = {ACCEPTED_LABELS: len(outcomes)}
        else:
            answers = Counter(map(answer_labels, outcomes))
        self._metrics.answers.add_all({(channel, provider, *labels): times for labels, times in answers.items()})
        self._metrics.latency.observe_all([now_s - ticket.produced_at_s for ticket in accepted], channel)
        if channel is Channel.SMS:
            texts = (message_of(ticket.delivery, Sms).text for ticket in accepted)
            self._metrics.sms_segments.add(sum(count(text).segments for text in texts), provider)

    def hand_over(self, ticket: Ticket) -> None:
        """Its row stands already; whether its message does too, the attempt's claim will tell."""
        now_s = self._clock.now_s()
        if ticket.again and ticket.delivery.in_doubt is InDoubt.LOOK_UP:
            message = self._looked_up_later(ticket, ticket.story, now_s)
        else:
            message = ticket.retry_message(
                attempt=ticket.delivery.attempt + 1,
                not_before_s=now_s + self._policy.backoff_base_s,
                story=ticket.story,
                in_doubt=ticket.again,
            )
        self.finisher.finish(Ends(now_s, again=[(ticket, message)]))


def _dead_address(ticket: Ticket, since_s: float) -> DeadAddress:
    delivery = ticket.delivery
    return DeadAddress(delivery.user_id, delivery.channel, delivery.address, since_s)


def _attempted(ticket: Ticket, now_s: float, kind: str, reason: Reason, provider: str, answer: str) -> Attempted:
    return Attempted(ticket.delivery.attempt, now_s, kind, reason, provider, answer[:ANSWER_CHARS_MAX])


def _dead_message(ticket: Ticket, reason: str, story: Story, now_s: float) -> DeadMessage:
    message = ticket.retry_message(
        attempt=ticket.delivery.attempt + 1, not_before_s=now_s, story=story, in_doubt=ticket.again
    )
    return DeadMessage(reason=reason, at_s=now_s, position=ticket.position, delivery=message)
