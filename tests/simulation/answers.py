"""What the directory told each worker: the only ground on which something may be sent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from notifyd.core.message import Delivery
from notifyd.core.retry_message import RetryMessage
from notifyd.core.user import Person
from tests.simulation.world.people import People, reachable


class Answers:
    """A first attempt goes by what its sender was told since it took the shard, a later one by what it was told
    since it received the message: never to somebody who had opted out before.
    """

    def __init__(self, people: People) -> None:
        self._people = people
        self._now = 0  # counts what happened
        self._told: defaultdict[tuple[str, str], list[tuple[int, Person]]] = defaultdict(list)
        # By process, and by shard, or by delivery and attempt.
        self._taken_at: dict[tuple[str, str], int] = {}
        self._received_at: defaultdict[tuple[str, str], dict[int, int]] = defaultdict(dict)

    def told(self, process: str, people: Mapping[str, Person]) -> None:
        self._now += 1
        for user, person in people.items():
            told = self._told[process, user]
            if told and told[-1][1] == person:
                told.pop()
            told.append((self._now, person))

    def took(self, process: str, shard: str) -> None:
        self._now += 1
        self._taken_at[process, shard] = self._now

    def received(self, process: str, messages: Iterable[RetryMessage]) -> None:
        self._now += 1
        for message in messages:
            # Of two copies the one that was asked about may be the first.
            self._received_at[process, message.delivery_id].setdefault(message.attempt, self._now)

    def against(self, process: str, delivery: Delivery, shards: Collection[str]) -> str:
        """Why it is not to be sent; "": it may. `shards`: those that have its event."""
        is_first = delivery.attempt == 1
        if is_first:
            since = min((at for key in shards if (at := self._taken_at.get((process, key)))), default=0)
        else:
            # Of an attempt that is in doubt the claim makes the next.
            received = self._received_at[process, delivery.delivery_id]
            since = received[max(attempt for attempt in received if attempt <= delivery.attempt)]
        told = [person for at, person in self._told[process, delivery.user_id] if at > since]
        if not told:
            return "unasked"
        if not any(self._may_go(delivery, reachable(person, delivery.channel), is_first) for person in told):
            return f"to {delivery.address}, having been told {told[-1]}"
        return ""

    def _may_go(self, delivery: Delivery, known: frozenset[str], is_first: bool) -> bool:
        """A later attempt keeps its address, which its user may have no longer."""
        if is_first:
            return delivery.address in known
        return bool(known) and self._people.ever_had(delivery.user_id, delivery.address)
