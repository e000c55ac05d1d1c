"""One batch on its way to its provider, and who of it still waits for an answer."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from notifyd.core.breaker import Pass
from notifyd.core.outcome import Outcome
from notifyd.core.provider_health import Tally
from notifyd.flow.ticket import Ticket
from notifyd.ports import Told


class News:
    """Outcomes that came together, of one call."""

    __slots__ = ("call", "outcomes", "tickets")

    def __init__(self, call: Call, tickets: list[Ticket], outcomes: list[Outcome]) -> None:
        self.call = call
        self.tickets = tickets
        self.outcomes = outcomes

    def join(self, later: News) -> None:
        """Of the same call."""
        self.tickets += later.tickets
        self.outcomes += later.outcomes


class Call:
    """`places`: those that it still holds among its provider's requests on their way."""

    __slots__ = ("_waiting", "batch", "given", "group", "places", "sent_s", "tally")

    def __init__(self, batch: list[Ticket], group: Hashable, given: Pass, *, places: int) -> None:
        self.batch = batch
        self.group = group
        self.given = given
        self.places = places
        self.sent_s = 0.0
        self.tally = Tally()
        self._waiting: list[Ticket | None] | None = None

    def take(self, told: Told) -> News:
        """The first word on each delivery counts; of any other nothing is made."""
        if self._waiting is None:
            self._waiting = [*self.batch]
        waiting, news = self._waiting, News(self, [], [])
        for place, outcome in told:
            ticket = waiting[place]
            if ticket is not None:
                waiting[place] = None
                news.tickets.append(ticket)
                news.outcomes.append(outcome)
        return news

    def take_rest(self, outcomes: Sequence[Outcome]) -> News:
        """Of all, in order: what was not told before."""
        if self._waiting is None:
            return News(self, self.batch, list(outcomes))
        return self.take(list(enumerate(outcomes)))

    @property
    def waiting_count(self) -> int:
        return len(self.batch) if self._waiting is None else len(self._waiting) - self._waiting.count(None)
