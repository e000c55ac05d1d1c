"""Retry queue, DLQs and alerts in memory, on a clock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import count

import msgspec

from notifyd.core.channel import Channel
from notifyd.core.retry_message import DeadMessage, RetryMessage
from notifyd.errors import AwsError
from notifyd.ports import Clock, Received
from tests.fakes.faults import Faults

_DELAY_MAX_S = 900
_RECEIVED_MAX = 10
_POLL_S = 0.05


class _Waiting(msgspec.Struct):
    message: RetryMessage
    visible_at_s: float
    receives: int = 0


class FakeRetryQueue:
    """Delays in whole seconds and visibility, as SQS has them; a receipt works until the next receive,
    and to hide its message only while that is hidden.

    `refused`: entries that the next puts do not take, by delivery_id, once each.
    """

    def __init__(self, clock: Clock, *, visibility_s: float = 60.0) -> None:
        self.faults = Faults()
        self.refused: set[str] = set()
        self.put_messages: list[RetryMessage] = []
        self._clock = clock
        self._visibility_s = visibility_s
        self._numbers = count(1)
        self._waiting: dict[int, _Waiting] = {}

    @property
    def messages(self) -> list[RetryMessage]:
        """Waiting, delayed or in hand."""
        return [entry.message for entry in self._waiting.values()]

    async def put(self, messages: Sequence[RetryMessage], now_s: float | None = None) -> list[bool]:
        """`now_s`: as whoever puts has it, where that is not the queue's own: SQS is told a delay, no time."""
        now_s = self._clock.now_s() if now_s is None else now_s
        return await self.faults.call("put", lambda: [self._put(message, now_s) for message in messages])

    def _put(self, message: RetryMessage, now_s: float) -> bool:
        if message.delivery_id in self.refused:
            self.refused.remove(message.delivery_id)
            return False
        copied = msgspec.convert(msgspec.to_builtins(message), RetryMessage)
        delay_s = max(0, min(_DELAY_MAX_S, round(message.not_before_s - now_s)))
        self.put_messages.append(copied)
        self._waiting[next(self._numbers)] = _Waiting(copied, self._clock.elapsed_s() + delay_s)
        return True

    async def receive(self, wait_s: float) -> list[Received]:
        until_s = self._clock.elapsed_s() + wait_s
        while True:
            received = await self.faults.call("receive", self._receive)
            if received or self._clock.elapsed_s() >= until_s:
                return received
            await self._clock.sleep(_POLL_S)

    def _receive(self) -> list[Received]:
        now_s = self._clock.elapsed_s()
        visible = [(number, entry) for number, entry in self._waiting.items() if entry.visible_at_s <= now_s]
        received: list[Received] = []
        for number, entry in visible[:_RECEIVED_MAX]:
            entry.receives += 1
            entry.visible_at_s = now_s + self._visibility_s
            message = msgspec.convert(msgspec.to_builtins(entry.message), RetryMessage)
            received.append(Received(message, f"{number}/{entry.receives}", entry.visible_at_s))
        return received

    async def delete(self, receipts: Sequence[str]) -> list[bool]:
        return await self.faults.call("delete", lambda: [self._delete(receipt) for receipt in receipts])

    def _delete(self, receipt: str) -> bool:
        number, receives = map(int, receipt.split("/"))
        entry = self._waiting.get(number)
        if entry is not None and entry.receives == receives:
            del self._waiting[number]
        return True

    async def hide(self, receipt: str, seconds: float) -> None:
        number, receives = map(int, receipt.split("/"))

        def hide() -> None:
            entry = self._waiting.get(number)
            if entry is None or entry.receives != receives or entry.visible_at_s <= self._clock.elapsed_s():
                raise AwsError("ChangeMessageVisibility", "MessageNotInflight", f"receipt {receipt}", status=400)
            entry.visible_at_s = self._clock.elapsed_s() + round(seconds)

        await self.faults.call("hide", hide)

    async def depth(self) -> int:
        return await self.faults.call("depth", lambda: len(self._waiting))


class FakeDeadLetters:
    def __init__(self) -> None:
        self.faults = Faults()
        self.messages: defaultdict[Channel | None, list[DeadMessage]] = defaultdict(list)

    async def put(self, channel: Channel | None, messages: Sequence[DeadMessage]) -> list[bool]:
        def put() -> list[bool]:
            self.messages[channel].extend(messages)
            return [True for _ in messages]

        return await self.faults.call("put", put)

    async def depth(self, channel: Channel | None) -> int:
        return len(self.messages[channel])


class FakeAlerts:
    def __init__(self) -> None:
        self.raised: list[tuple[str, str]] = []

    async def raise_alert(self, subject: str, text: str) -> None:
        self.raised.append((subject, text))

    def subjects(self) -> list[str]:
        return [subject for subject, _ in self.raised]
