"""What became of a delivery in doubt: the log is asked, then whoever may have taken it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import structlog

from notifyd.core.log_row import LogRow, RowKind
from notifyd.core.look_up import CannotTell, NotTaken, Taken, gives_up_at_s, pause_s, proof_of_acceptance
from notifyd.core.message import Delivery
from notifyd.flow.asker import Asker
from notifyd.flow.ticket import Ticket
from notifyd.ports import Clock, DeliveryLog, Entropy, Provider
from notifyd.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

# A queue's delays are whole seconds.
_PAUSE_LEAST_S = 1.0


class Told(msgspec.Struct, frozen=True):
    """Its own acceptance stands in the log."""


class WasTaken(msgspec.Struct, frozen=True):
    """`by`: whose word it is."""

    provider: str
    provider_id: str
    by: str


class AskAgain(msgspec.Struct, frozen=True):
    pause_s: float


class SendAgain(msgspec.Struct, frozen=True):
    """`possible_duplicate` False: whoever may have taken it said that he has not."""

    possible_duplicate: bool


Resolution = Told | WasTaken | AskAgain | SendAgain


class Inquirer:
    """One channel's. Sends nothing and writes nothing."""

    def __init__(
        self,
        providers: Sequence[Provider],
        delivery_log: DeliveryLog,
        *,
        wait_s: float,
        timeout_s: float,
        clock: Clock,
        entropy: Entropy,
        metrics: Metrics,
    ) -> None:
        """`wait_s`: what nobody could tell of for so long is sent again."""
        self._log = delivery_log
        self._wait_s = wait_s
        self._clock = clock
        self._entropy = entropy
        self._metrics = metrics
        self._names = [provider.name for provider in providers]
        self._askers = {
            provider.name: Asker(provider, limits, timeout_s=timeout_s, clock=clock, entropy=entropy)
            for provider in providers
            if (limits := provider.look_up_limits) is not None
        }

    async def ask(self, ticket: Ticket) -> Resolution:
        """Raises what the log raises: nothing is known then."""
        delivery = ticket.delivery
        of_event = await self._log.rows_of_event(delivery.event_id)
        proof = proof_of_acceptance(of_event, delivery.delivery_id)
        if proof is not None:
            if proof.kind is RowKind.ACCEPTED and proof.position == ticket.position:
                return Told()
            self._count(delivery, "log")
            return WasTaken(proof.provider, proof.provider_id, by=proof.kind)
        names = self._suspects(of_event, delivery)
        askers = [self._askers[name] for name in names if name in self._askers]
        early_s = self._early_s(ticket, askers)
        if early_s > 0:
            return AskAgain(max(_PAUSE_LEAST_S, early_s))
        turn_s = max((wait_s for asker in askers if (wait_s := asker.take_turn()) is not None), default=None)
        if turn_s is not None:
            # Of many in doubt at once none is given up because its turn was late, but for its deadline.
            return self._later(ticket, turn_s, wait_s=math.inf)
        return await self._ask_providers(ticket, askers, all_of_them=len(askers) == len(names))

    def _suspects(self, of_event: Sequence[LogRow], delivery: Delivery) -> Sequence[str]:
        """Who may have it: those who gave no answer; after a crash, everybody."""
        named = {
            row.provider
            for row in of_event
            if row.delivery_id == delivery.delivery_id and row.kind is RowKind.UNKNOWN
        }
        return sorted(named) if named and "" not in named else self._names

    def _early_s(self, ticket: Ticket, askers: Sequence[Asker]) -> float:
        """Until what each of them says of it can be believed."""
        settle_s = max((asker.settle_s for asker in askers), default=0.0)
        # A clock that was set back keeps nobody waiting for longer than the provider asks for.
        return min(settle_s, ticket.doubted_at_s + settle_s - self._clock.now_s())

    async def _ask_providers(self, ticket: Ticket, askers: Sequence[Asker], *, all_of_them: bool) -> Resolution:
        delivery = ticket.delivery
        sure = all_of_them
        for asker in askers:
            match await asker.look_up(delivery):
                case Taken(provider_id):
                    self._count(delivery, "taken")
                    return WasTaken(asker.name, provider_id, by="look_up")
                case NotTaken():
                    pass
                case CannotTell(why):
                    sure = False
                    log.info("look_up_told_nothing", provider=asker.name, event_id=delivery.event_id, why=why)
        if sure:
            self._count(delivery, "not_taken")
            return SendAgain(possible_duplicate=False)
        doubted_for_s = self._clock.now_s() - ticket.doubted_at_s
        return self._later(ticket, pause_s(doubted_for_s, self._entropy.fraction()), wait_s=self._wait_s)

    def _later(self, ticket: Ticket, after_s: float, *, wait_s: float) -> Resolution:
        """Nobody could tell: asked again after so long, unless it has waited for `wait_s`."""
        delivery = ticket.delivery
        self._count(delivery, "cannot_tell")
        left_s = gives_up_at_s(ticket.doubted_at_s, delivery.deadline_at_s, wait_s) - self._clock.now_s()
        if left_s <= 0:
            return SendAgain(possible_duplicate=True)
        return AskAgain(max(_PAUSE_LEAST_S, min(left_s, after_s)))

    def _count(self, delivery: Delivery, found: str) -> None:
        self._metrics.look_ups.add(1, delivery.channel, found)
