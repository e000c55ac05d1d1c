"""Who makes an attempt from the retry queue: a conditional put of its claim row decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum

import msgspec

from notifyd.core.channel import InDoubt
from notifyd.core.log_row import ENDED, LogRow, RowKind
from notifyd.core.log_rows import RowMaker
from notifyd.core.retry_message import DeadMessage, RetryMessage
from notifyd.errors import AwsError, TransportError
from notifyd.flow.backoff import Backoff
from notifyd.flow.prepared import DeadEnd
from notifyd.flow.reconsider import Gone
from notifyd.flow.resume import story_of
from notifyd.flow.said import SETTLED, TO_THE_DLQ
from notifyd.flow.ticket import Ticket
from notifyd.ports import Clock, DeliveryLog, Entropy

# The one place where clocks are compared: those of two workers are assumed to be within this.
_CLOCKS_APART_MAX_S = 5.0
_CLAIM_TRIES_MAX = 3

_GOES_ON = frozenset({RowKind.DEFERRED, RowKind.UNKNOWN})


class EndedByCopy(msgspec.Struct, frozen=True):
    """Another record brought the same delivery, and brought it to its end: `row`. This one has none of its own."""

    row: LogRow


class Verdict(Enum):
    OURS = "ours"
    ANOTHERS = "another's"  # leave the message alone: it comes back by its visibility
    ENDED = "ended"  # an outcome stands: the message is only to be deleted
    BURIED = "buried"  # a row says so, and nobody knows whether its message reached the DLQ
    EXPIRED = "expired"  # likewise
    HAND_OVER = "hand over"  # the attempt was made and is to be followed by another, whose message may be missing
    LOOK_UP = "look up"  # in doubt, and its type wants somebody to be asked
    HELD = "held"  # in doubt, and its type wants a person


class AttemptClaims:
    """The claim is made right before the delivery joins its provider's queue, and carries `until`."""

    def __init__(self, delivery_log: DeliveryLog, rows: RowMaker, clock: Clock, entropy: Entropy) -> None:
        self._log = delivery_log
        self._rows = rows
        self._clock = clock
        self._entropy = entropy

    async def claim(self, ticket: Ticket, *, until_s: float) -> Verdict | EndedByCopy:
        """Raises what the log raises: nothing was decided then."""
        while True:
            claim = self._rows.row(
                ticket.delivery, RowKind.CLAIM, position=ticket.position, at_s=self._clock.now_s()
            )
            standing = await self._race(claim, until_s)
            if standing is None:
                return Verdict.OURS
            verdict = await self._judge(ticket, standing)
            if verdict is not Verdict.OURS:
                return verdict
            # In doubt, to be sent again: under the next number, so that two who come here race once more.
            ticket.delivery.attempt += 1
            ticket.again = True

    async def claim_end(self, message: RetryMessage, gone: Gone, *, until_s: float) -> Gone | Verdict:
        """What is to be written of an attempt that is to end unsent: `gone`, or once more that it is buried. ENDED
        or ANOTHERS: nothing, for another copy of its message may have been sent, or be about to be, and of one in
        doubt it may be known by now that it was taken. Raises what the log raises.
        """
        claim = self._rows.undelivered_row(
            event_id=message.event_id,
            delivery_id=message.delivery_id,
            kind=RowKind.CLAIM,
            position=message.position,
            at_s=self._clock.now_s(),
            reason="",
            user_id=message.user_id,
            type_name=message.type_name,
            channel=message.channel,
        )
        standing = await self._race(msgspec.structs.replace(claim, attempt=message.attempt), until_s)
        of_event = await self._log.rows_of_event(message.event_id)
        rows = [row for row in of_event if row.delivery_id == message.delivery_id]
        settled = [row.position for row in rows if row.kind in SETTLED]
        if message.position in settled:
            return Verdict.ENDED
        # Of a copy's end nothing is known at this position: it has one of its own to come.
        if standing is not None and not settled and self._is_held(standing):
            return Verdict.ANOTHERS
        buried = (row for row in rows if row.kind in TO_THE_DLQ and row.position == message.position)
        standing = next((row for row in buried if not _is_redriven(row, message.attempt)), None)
        return gone if standing is None else _buried_again(message, standing)

    def _is_held(self, standing: LogRow) -> bool:
        until_s = float((standing.detail or {}).get("until_s", standing.at_s))
        return self._clock.now_s() < until_s + _CLOCKS_APART_MAX_S

    async def _race(self, claim: LogRow, until_s: float) -> LogRow | None:
        """The put, again where its answer was lost: a claim that stands with our own token is ours."""
        token = self._entropy.token()
        row = msgspec.structs.replace(claim, detail={"token": token})
        backoff = Backoff(self._clock, self._entropy, base_s=0.1, max_s=1.0)
        for tries_left in reversed(range(_CLAIM_TRIES_MAX)):
            try:
                standing = await self._log.claim_attempt(row, until_s)
            except (AwsError, TransportError):
                if not tries_left:
                    raise
                await backoff.wait()
                continue
            if standing is not None and (standing.detail or {}).get("token") == token:
                return None
            return standing
        raise AssertionError("the last try returns or raises")

    async def _judge(self, ticket: Ticket, standing: LogRow) -> Verdict | EndedByCopy:
        delivery = ticket.delivery
        of_event = await self._log.rows_of_event(delivery.event_id)
        rows = [row for row in of_event if row.delivery_id == delivery.delivery_id]
        ended = {row.kind: row for row in rows if row.kind in ENDED and not _is_redriven(row, delivery.attempt)}
        if ended:
            return _ended(ticket, ended, rows)
        if any(row.kind in _GOES_ON and row.attempt == delivery.attempt for row in rows):
            # A late copy of the attempt's message knows nothing of how the attempt went; the rows do.
            ticket.again = ticket.again or any(row.kind is RowKind.UNKNOWN for row in rows)
            ticket.story = story_of(rows)
            return Verdict.HAND_OVER
        if self._is_held(standing):
            return Verdict.ANOTHERS
        match delivery.in_doubt:
            case InDoubt.RESEND:
                return Verdict.OURS
            case InDoubt.LOOK_UP:
                return Verdict.LOOK_UP
            case InDoubt.HOLD:
                return Verdict.HELD


def _ended(ticket: Ticket, ended: Mapping[RowKind, LogRow], rows: Sequence[LogRow]) -> Verdict | EndedByCopy:
    """A row comes before its message on the DLQ: where only such rows stand, the message may be missing."""
    settled = [row for row in rows if row.kind in SETTLED]
    if any(row.position == ticket.position for row in settled):
        return Verdict.ENDED
    if settled:
        return EndedByCopy(settled[0])
    ticket.story = story_of(rows)
    dead = ended.get(RowKind.DEAD)
    if dead is None:
        return Verdict.EXPIRED
    ticket.dead_for = dead.reason
    return Verdict.BURIED


def _buried_again(message: RetryMessage, row: LogRow) -> Gone:
    dead = DeadMessage(row.reason, row.at_s, row.position, delivery=message)
    return Gone([], [DeadEnd(message.channel, dead, row)])


def _is_redriven(row: LogRow, attempt: int) -> bool:
    """Buried under an earlier number: somebody took it off the DLQ since."""
    return row.kind in TO_THE_DLQ and row.attempt < attempt
