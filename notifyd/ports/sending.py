"""Who delivers, and what people switch."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Protocol, TypeAlias

import msgspec

from notifyd.core.channel import Channel
from notifyd.core.look_up import Found
from notifyd.core.message import Delivery
from notifyd.core.outcome import Outcome
from notifyd.core.provider_standing import Seen
from notifyd.core.switches import Switches
from notifyd.errors import Fault

Told: TypeAlias = Sequence[tuple[int, Outcome]]
"""Outcomes, each with its delivery's place in the batch."""
Tell: TypeAlias = Callable[[Told], None]


def tell_nobody(told: Told) -> None: ...


class Limits(msgspec.Struct, frozen=True):
    """A provider account's limits as they stand; None: no limit known.

    `each_alone`: a batch is handed over together, and each delivery of it is a request of its own, answered on its
    own. `in_flight_max`: requests, so deliveries where each is one. `group_rate_per_s`: of deliveries with one
    group key (a Slack channel, a sender's number).
    """

    batch_max: int
    in_flight_max: int
    payload_bytes_max: int
    rate_per_s: float | None = None
    group_rate_per_s: float | None = None
    each_alone: bool = False


class LookUpLimits(msgspec.Struct, frozen=True):
    """How a provider may be asked what it took.

    `settle_s`: so long after a request's end its look-up shows whether the request was taken: "not taken" is
    not believed before. `rate_per_s`: look-ups of this process; what the account's sends need is left alone.
    """

    settle_s: float
    rate_per_s: float


class Provider(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def channel(self) -> Channel: ...
    @property
    def limits(self) -> Limits: ...

    def group_key(self, delivery: Delivery) -> Hashable:
        """Deliveries of equal keys may share a request: a batch holds one key's only."""
        ...

    async def send(self, batch: Sequence[Delivery], tell: Tell = tell_nobody) -> list[Outcome]:
        """One request, one attempt, whatever comes back: an outcome for each, in order.

        Where each is a request of its own, `tell` hears of some before the last is answered: one that never is
        keeps none of the others waiting. What was told is among the outcomes in the end, too.

        Raises only on bugs. The caller sets the deadline; being cancelled after bytes went out is the
        caller's Unknown, but for what was told.
        """
        ...

    @property
    def look_up_limits(self) -> LookUpLimits | None:
        """None: it cannot be asked what it took, and its feedback has to tell."""
        ...

    async def look_up(self, delivery: Delivery, since_s: float) -> Found:
        """Whether it took the delivery at `since_s` (epoch) or later; one request, which sends nothing.

        The delivery is rendered anew: id and address are those of the send in doubt, its words may not be.
        NotTaken is the word on which it is sent again and listed nowhere: where something found may be the
        delivery and may be another, the answer is CannotTell. The caller sets the deadline. Raises AwsError or
        TransportError, which tell nothing either.
        """
        ...

    async def refresh_limits(self) -> None:
        """Asks the provider what this account may send, where it can be asked.

        Raises AwsError or TransportError; the limits then stay as they are.
        """
        ...

    async def problems(self) -> list[Fault]:
        """What keeps it from sending as configured, where that can be told without sending: for `check`."""
        ...

    async def close(self) -> None: ...


class ProviderRoute(msgspec.Struct, frozen=True):
    """One of a channel's providers. `platform`: whose addresses it takes, where a channel has several."""

    provider: Provider
    weight: float = 1.0
    platform: str = ""


class ControlTable(Protocol):
    """What people switch for the whole fleet. Every call may raise AwsError or TransportError."""

    async def switches(self) -> Switches:
        """Strongly consistent."""
        ...

    async def report(self, worker_id: str, at_s: float, providers: Sequence[Seen]) -> None: ...
