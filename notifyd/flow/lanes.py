"""What waits for one provider account: transactional before bulk, groups in turn."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import groupby

import msgspec

from notifyd.core.channel import Lane
from notifyd.core.message import Delivery
from notifyd.flow.ticket import Ticket


class Choice(msgspec.Struct, frozen=True):
    """The group whose turn it is, and how long until then."""

    lane: Lane
    group: Hashable
    wait_s: float


class Lanes:
    """`group_of`: deliveries of equal keys may share a request."""

    def __init__(self, group_of: Callable[[Delivery], Hashable]) -> None:
        self._group_of = group_of
        self._waiting: dict[Lane, OrderedDict[Hashable, deque[Ticket]]] = {lane: OrderedDict() for lane in Lane}

    def push(self, tickets: Sequence[Ticket], now_s: float) -> None:
        """The order within a lane and group is kept."""
        for (lane, key), alike in groupby(tickets, self._place):
            group = self._group(lane, key)
            for ticket in alike:
                ticket.enqueued_at_s = now_s
                group.append(ticket)

    def put_back(self, tickets: Sequence[Ticket]) -> None:
        """To the front, as if never taken out."""
        for ticket in reversed(tickets):
            lane, key = self._place(ticket)
            self._group(lane, key).appendleft(ticket)
            self._waiting[lane].move_to_end(key, last=False)

    def _place(self, ticket: Ticket) -> tuple[Lane, Hashable]:
        delivery = ticket.delivery
        return delivery.lane, self._group_of(delivery)

    def _group(self, lane: Lane, key: Hashable) -> deque[Ticket]:
        groups = self._waiting[lane]
        group = groups.get(key)
        if group is None:
            group = groups[key] = deque()
        return group

    def choose(
        self, now_s: float, *, batch_max: int, linger_s: float, pace: Callable[[Hashable, float], float] | None
    ) -> Choice | None:
        """The first group of the first lane that is ready, else the one that is ready soonest; None: all is empty.

        Ready: full or waited `linger_s`, and its `pace` (group, now → seconds), if groups have one, lets it go.
        """
        soonest: Choice | None = None
        for lane, groups in self._waiting.items():
            for key, group in groups.items():
                full = len(group) >= batch_max
                wait_s = 0.0 if full else group[0].enqueued_at_s + linger_s - now_s
                if pace is not None:
                    wait_s = max(wait_s, pace(key, now_s))
                if wait_s <= 0:
                    return Choice(lane, key, 0.0)
                if soonest is None or wait_s < soonest.wait_s:
                    soonest = Choice(lane, key, wait_s)
        return soonest

    def pop(self, choice: Choice, batch_max: int) -> list[Ticket]:
        group = self._waiting[choice.lane].pop(choice.group)
        batch = [group.popleft() for _ in range(min(len(group), batch_max))]
        if group:
            self._waiting[choice.lane][choice.group] = group  # at the end: groups take turns
        return batch

    def shed(self, before_s: float) -> Iterator[list[Ticket]]:
        """What was enqueued at `before_s` or earlier, taken out, a list a group."""
        for groups in self._waiting.values():
            for key in list(groups):
                group = groups[key]
                late: list[Ticket] = []
                while group and group[0].enqueued_at_s <= before_s:
                    late.append(group.popleft())
                if not group:
                    del groups[key]
                if late:
                    yield late

    def longest_wait_s(self, now_s: float) -> float:
        """0: nothing waits."""
        heads = [group[0].enqueued_at_s for groups in self._waiting.values() for group in groups.values()]
        return now_s - min(heads) if heads else 0.0

    def take_all(self) -> list[Ticket]:
        taken = [ticket for groups in self._waiting.values() for group in groups.values() for ticket in group]
        for groups in self._waiting.values():
            groups.clear()
        return taken

    def __len__(self) -> int:
        return sum(len(group) for groups in self._waiting.values() for group in groups.values())
