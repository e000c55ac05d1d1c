"""What every stand-in for a receiver is: it keeps and counts what comes, and misbehaves as it is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec

from notifyd.sandbox.clients import Clock
from notifyd.sandbox.faults import BaseFault, FaultPlan
from notifyd.sandbox.inbox import Inbox, Message

M = TypeVar("M", bound=Message)
O = TypeVar("O")  # noqa: E741 - an order
F = TypeVar("F", bound=BaseFault)


class Counts(msgspec.Struct):
    """`requests` that would send, whatever became of them; `accepted` and `duplicates`: messages."""

    requests: int
    accepted: int
    refused: int
    duplicates: int


class Sink(Generic[M, O, F]):
    """`orders` reads what `order` gets; `as_told` makes of an order the fault that befalls a request, and raises
    UnknownFault. `latency_s`: how long an answer takes.
    """

    def __init__(
        self, inbox: Inbox[M], *, clock: Clock, orders: msgspec.json.Decoder[list[O]], as_told: Callable[[O], F]
    ) -> None:
        self.inbox = inbox
        self.latency_s = 0.0
        self.requests = 0
        self.refused = 0
        self._clock = clock
        self._faults: FaultPlan[F] = FaultPlan(clock)
        self._orders = orders
        self._as_told = as_told

    @property
    def counts(self) -> Counts:
        return Counts(self.requests, self.inbox.accepted, self.refused, self.inbox.duplicates)

    def misbehave(self, *orders: O) -> None:
        """From the next request that they concern on. Raises UnknownFault."""
        self._faults.add(*[self._as_told(order) for order in orders])

    def order(self, orders: bytes) -> None:
        """`misbehave` in JSON: a list. Raises msgspec.DecodeError, UnknownFault."""
        self.misbehave(*self._orders.decode(orders))

    def behave(self) -> None:
        """From now on, without latency."""
        self._faults.clear()
        self.latency_s = 0.0

    def empty(self) -> None:
        """As if nothing had come yet."""
        self.inbox.empty()
        self.requests = self.refused = 0


AnySink = Sink[Any, Any, Any]
