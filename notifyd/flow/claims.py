"""What is ready, claimed and open on one shard, and how slots limit it."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from notifyd.core.account import Account
from notifyd.core.fan_out import rank
from notifyd.core.window import Window
from notifyd.flow.held_ids import HeldIds
from notifyd.flow.prepared import Prepared
from notifyd.flow.slot_desk import SlotDesk
from notifyd.flow.ticket import Ticket


class Claims:
    """Claims records in order, as far as slots reach; a record with more deliveries than slots goes in parts.

    `held`: the event ids that the records hold until they are settled, where the source dedupes.
    """

    def __init__(self, window: Window, slots: SlotDesk, holder: str, held: HeldIds | None = None) -> None:
        self._window = window
        self._slots = slots
        self._holder = holder
        self._held = held
        self._open: dict[int, Prepared] = {}
        self._partial: deque[Ticket] = deque()
        self.ready: deque[Prepared] = deque()
        self._ready_tickets = 0
        self.tickets_open = 0
        self.changed = False
        self.settled_bytes = 0

    def add(self, prepared: Sequence[Prepared]) -> None:
        """Prepared records, in the stream's order."""
        self.ready.extend(prepared)
        self._ready_tickets += sum([len(entry.tickets) for entry in prepared])

    def claim_next(self) -> list[Prepared]:
        """What may begin once the next write is acknowledged. Records that ask for nothing settle here."""
        begun: list[Prepared] = []
        slots = self._slots.take(self._holder, len(self._partial) + self._ready_tickets)
        if self._partial:
            slots = self._claim_partial(slots, begun)
        slots -= self._claim_ready(slots, begun)
        if slots:
            raise AssertionError(f"{self._holder} took {slots} slots for nothing")
        return begun

    def _claim_partial(self, slots: int, begun: list[Prepared]) -> int:
        count = min(slots, len(self._partial))
        if count:
            tickets = [self._partial.popleft() for _ in range(count)]
            self._window.claim(tickets[0].index + 1, rank(tickets[-1].delivery) if self._partial else "")
            self.changed = True
            self.tickets_open += count
            begun.append(Prepared(index=tickets[0].index, account=Account.EXPANDED, size_bytes=0, tickets=tickets))
        return slots - count

    def _claim_ready(self, slots: int, begun: list[Prepared]) -> int:
        """Claims what is ready, in order; how many slots it took."""
        taken, claimed, claimed_to = 0, None, ""
        settled: list[Prepared] = []
        while self.ready and not self._partial:
            prepared = self.ready[0]
            count = len(prepared.tickets)
            if count and taken == slots:
                break
            claimed = self.ready.popleft()
            self._ready_tickets -= count
            prepared.left = prepared.effects
            if count > slots - taken:
                count = slots - taken
                claimed_to = self._part_off(prepared, count)
            taken += count
            if prepared.left:
                self._open[prepared.index] = prepared
                begun.append(prepared)
            else:
                settled.append(prepared)
        if claimed is not None:
            self._window.claim(claimed.index + 1, claimed_to)
            self.changed = True
            self.tickets_open += taken
            self._settle(settled)
        return taken

    def _part_off(self, prepared: Prepared, slots: int) -> str:
        """Leaves it as many deliveries as there are slots; the last one's rank."""
        prepared.tickets.sort(key=lambda ticket: rank(ticket.delivery))
        self._partial.extend(prepared.tickets[slots:])
        del prepared.tickets[slots:]
        return rank(prepared.tickets[-1].delivery)

    def not_begun(self, claimed: Sequence[Prepared]) -> None:
        """The write that would have claimed these was refused: whoever owns the shard now will send them."""
        self.tickets_open -= sum(len(prepared.tickets) for prepared in claimed)

    def tickets_ended(self, tickets: Sequence[Ticket]) -> None:
        self.tickets_open -= len(tickets)
        self._ended([ticket.index for ticket in tickets])

    def part_ended(self, index: int) -> None:
        """One of the record's ends came."""
        self._ended([index])

    def _ended(self, indexes: Sequence[int]) -> None:
        """Each a record's, for one of its ends: settled with the last."""
        settled: list[Prepared] = []
        for index in indexes:
            prepared = self._open[index]
            prepared.left -= 1
            if not prepared.left:
                del self._open[index]
                settled.append(prepared)
        self._settle(settled)

    def _settle(self, settled: Sequence[Prepared]) -> None:
        for prepared in settled:
            self._window.settle(prepared.index, prepared.account)
            if self._held is not None and prepared.holds:
                self._held.let_go(prepared.holds)
            self.settled_bytes += prepared.size_bytes
        self.changed = self.changed or bool(settled)

    def drop_unclaimed(self) -> None:
        self.settled_bytes += sum(prepared.size_bytes for prepared in self.ready)
        self.ready.clear()
        self._ready_tickets = 0

    def held_bytes(self) -> int:
        """What the records still here count against the process's budget."""
        return sum(entry.size_bytes for entry in self._open.values()) + sum(
            prepared.size_bytes for prepared in self.ready
        )

    @property
    def waits(self) -> bool:
        """Something is ready or partly begun."""
        return bool(self.ready or self._partial)

    @property
    def partial_count(self) -> int:
        """Deliveries of a claimed record that have no slots yet."""
        return len(self._partial)

    @property
    def is_idle(self) -> bool:
        """Nothing claimed is open, and nothing waits to be claimed."""
        return not (self._open or self._partial or self.ready)
