"""Looks through DLQs: lists, hands back to the retry queues, drops."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from notifyd.core.channel import Channel
from notifyd.core.dead_letter import DeadFilter, Fate, Redrive, fate_of
from notifyd.core.retry_message import DeadMessage, RetryMessage
from notifyd.ports import Clock, DeliveryLog, RetryQueue


class HeldMessage(Protocol):
    @property
    def receipt(self) -> str: ...
    @property
    def message(self) -> DeadMessage | None: ...


class Box(Protocol):
    """One DLQ."""

    async def receive(self) -> Sequence[HeldMessage]: ...
    async def delete(self, receipts: Sequence[str]) -> None: ...
    async def release(self, receipts: Sequence[str]) -> None: ...


class Found(msgspec.Struct, frozen=True):
    """`channel` None: the DLQ of malformed events."""

    channel: Channel | None
    message: DeadMessage
    receipt: str


class Redriven(msgspec.Struct):
    """How many messages met which fate. `refused`: by the queue."""

    fates: Counter[str] = msgspec.field(default_factory=Counter)
    refused: int = 0


class DeadLetterDesk:
    """Whatever is looked at and neither redriven nor dropped is released at the end, also after a failure."""

    def __init__(
        self,
        boxes: Mapping[Channel | None, Box],
        wanted: DeadFilter,
        *,
        limit: int,
        progress: Callable[[int], None],
    ) -> None:
        """`limit`: how many that pass the filter, at most."""
        self._boxes = boxes
        self._wanted = wanted
        self._limit = limit
        self._progress = progress
        self._in_hand: dict[Channel | None, list[str]] = {channel: [] for channel in boxes}
        self.unreadable = 0

    async def found(self) -> AsyncIterator[list[Found]]:
        """What passes the filter, in the queues' own pieces."""
        left = self._limit
        looked_at = 0
        for channel, box in self._boxes.items():
            while left > 0 and (held := await box.receive()):
                self._in_hand[channel] += [one.receipt for one in held]
                self.unreadable += sum(one.message is None for one in held)
                looked_at += len(held)
                self._progress(looked_at)
                passing = [
                    Found(channel, one.message, one.receipt)
                    for one in held
                    if one.message is not None and self._wanted.passes(one.message)
                ][:left]
                left -= len(passing)
                yield passing

    async def delete(self, found: Sequence[Found]) -> None:
        for channel, box in self._boxes.items():
            receipts = [one.receipt for one in found if one.channel is channel]
            if receipts:
                await box.delete(receipts)
                gone = set(receipts)
                self._in_hand[channel] = [one for one in self._in_hand[channel] if one not in gone]

    async def release(self) -> None:
        for channel, box in self._boxes.items():
            if self._in_hand[channel]:
                await box.release(self._in_hand[channel])


class Redriver:
    """Asks the log of each, hands it to its retry queue, and only then takes it off the DLQ.

    A crash in between leaves it on both: a second redrive gives the same attempt number, and of two copies one is
    sent. `rate_per_s`: messages; None: as fast as the queues take them.
    """

    def __init__(
        self,
        *,
        delivery_log: DeliveryLog,
        retry_queues: Mapping[Channel, RetryQueue],
        clock: Clock,
        rate_per_s: float | None,
    ) -> None:
        self._log = delivery_log
        self._retry_queues = retry_queues
        self._clock = clock
        self._rate_per_s = rate_per_s
        self.redriven = Redriven()

    async def redrive(self, desk: DeadLetterDesk, how: Redrive) -> None:
        """Raises AwsError or TransportError; doing it again does no harm."""
        async for part in desk.found():
            ended: list[Found] = []
            messages: list[tuple[Found, RetryMessage]] = []
            for one in part:
                fate, message = await self._fate(one.message, how)
                self.redriven.fates[fate] += 1
                if fate is Fate.ACCEPTED_SINCE:
                    ended.append(one)
                elif message is not None:
                    messages.append((one, message))
            ended += await self._hand_over(messages)
            await desk.delete(ended)
            if self._rate_per_s is not None:
                await self._clock.sleep(len(messages) / self._rate_per_s)

    async def _fate(self, dead: DeadMessage, how: Redrive) -> tuple[Fate, RetryMessage | None]:
        rows = await self._log.rows_of_event(dead.delivery.event_id) if dead.delivery is not None else []
        return fate_of(dead, rows, how)

    async def _hand_over(self, messages: Sequence[tuple[Found, RetryMessage]]) -> list[Found]:
        """Those that their queue took."""
        handed: list[Found] = []
        for channel in dict.fromkeys(message.channel for _, message in messages):
            batch = [pair for pair in messages if pair[1].channel is channel]
            taken = await self._retry_queues[channel].put([message for _, message in batch])
            handed += [one for (one, _), was in zip(batch, taken, strict=True) if was]
            self.redriven.refused += taken.count(False)
            self.redriven.fates[Fate.REDRIVEN] -= taken.count(False)
        return handed
