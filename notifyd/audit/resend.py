"""Hands to the retry queues what the log says was never brought to an end. Nothing is sent here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import msgspec

from notifyd.audit.decide import Decided, Decider
from notifyd.audit.parts import Matched
from notifyd.core.audit import LISTED_MAX
from notifyd.core.channel import Channel
from notifyd.core.delivery_id import Identity
from notifyd.core.log_row import LogRow, RowKind
from notifyd.core.log_rows import RowMaker
from notifyd.core.reach import Reached
from notifyd.core.replay import left_to_do
from notifyd.core.retry_message import RetryMessage
from notifyd.ports import Clock, DeliveryLog, RetryQueue

CheckIn = Callable[[RetryMessage, RowMaker, float], LogRow | None]
"""Takes an event that is too large for a queue out of its message; the row that has to be durable before."""


class Handed(msgspec.Struct, frozen=True):
    event_id: str
    user_id: str
    type_name: str
    channel: str
    delivery_id: str
    attempt: int


class Resent(msgspec.Struct):
    """`unsettled`: the daemon has not settled their records, and will. `undecided`: their type's filter raised.
    `refused`: the queue did not take them.
    """

    checked: int = 0
    queued: int = 0
    suppressed: int = 0
    unsettled: int = 0
    undecided: int = 0
    refused: int = 0
    handed: list[Handed] = []


class Resender:
    """`write` False counts what would be done. `rate_per_s`: messages, None: as fast as the queue takes them."""

    def __init__(
        self,
        *,
        decider: Decider,
        identity: Identity,
        rows: RowMaker,
        delivery_log: DeliveryLog,
        retry_queues: Mapping[Channel, RetryQueue],
        check_in: CheckIn,
        clock: Clock,
        write: bool,
        rate_per_s: float | None = None,
    ) -> None:
        self._decider = decider
        self._identity = identity
        self._rows = rows
        self._log = delivery_log
        self._retry_queues = retry_queues
        self._check_in = check_in
        self._clock = clock
        self._write = write
        self._rate_per_s = rate_per_s
        self.resent = Resent()

    async def part(self, part: Sequence[Matched]) -> int:
        """How many events had something left to do.

        Raises AwsError or TransportError; what was done before stays done, and doing it again does no harm.
        """
        unended: set[str] = set()
        messages: list[RetryMessage] = []
        rows: list[LogRow] = []
        for one in await self._decider.decide(part):
            self.resent.checked += 1
            if self._collect(one, messages, rows):
                unended.add(one.event.event_id)
        self.resent.suppressed += len(rows)
        if self._write:
            await self._log.append(rows)
            await self._hand_over(messages)
        else:
            self._note(messages)
        return len(unended)

    def _collect(self, one: Decided, messages: list[RetryMessage], rows: list[LogRow]) -> bool:
        """Whether something is left to do for the user."""
        if one.entry.reached is not Reached.SETTLED:
            self.resent.unsettled += 1
            return False
        if one.told_elsewhere:
            return False
        if one.decisions is None:
            self.resent.undecided += not one.rows
            return not one.rows
        now_s = self._clock.now_s()
        left = left_to_do(
            one.event,
            one.notification_type,
            one.user_id,
            one.decisions,
            one.rows,
            position=one.entry.position,
            identity=self._identity,
            now_s=now_s,
        )
        messages += left.messages
        rows += [
            self._rows.undelivered_row(
                event_id=one.event.event_id,
                delivery_id=self._identity.delivery_id(
                    one.event.event_id, one.user_id, one.notification_type.name, suppressed.channel or "", ""
                ),
                kind=RowKind.SUPPRESSED,
                position=one.entry.position,
                at_s=now_s,
                reason=suppressed.reason,
                user_id=one.user_id,
                type_name=one.notification_type.name,
                channel=suppressed.channel,
                detail=suppressed.inputs or None,
            )
            for suppressed in left.suppressed
        ]
        return bool(left.messages or left.suppressed)

    async def _hand_over(self, messages: Sequence[RetryMessage]) -> None:
        of_channel: dict[Channel, list[RetryMessage]] = defaultdict(list)
        for message in messages:
            of_channel[message.channel].append(message)
        now_s = self._clock.now_s()
        for channel, batch in of_channel.items():
            large = [row for message in batch if (row := self._check_in(message, self._rows, now_s)) is not None]
            await self._log.append(large)
            taken = await self._retry_queues[channel].put(batch)
            self._note([message for message, was in zip(batch, taken, strict=True) if was])
            self.resent.refused += taken.count(False)
            if self._rate_per_s is not None:
                await self._clock.sleep(len(batch) / self._rate_per_s)

    def _note(self, messages: Sequence[RetryMessage]) -> None:
        self.resent.queued += len(messages)
        room = LISTED_MAX - len(self.resent.handed)
        self.resent.handed += [
            Handed(one.event_id, one.user_id, one.type_name, one.channel, one.delivery_id, one.attempt)
            for one in messages[:room]
        ]
