"""The slot account with wake-ups: who waits is called when some are free, who may free some when one waits."""

from __future__ import annotations

from collections.abc import Callable

from notifyd.core.slots import SlotAccount


class SlotDesk:
    """Hands a process's slots to its shards and retry paths."""

    def __init__(self, slots_max: int) -> None:
        self._account = SlotAccount(slots_max)
        self._wakes: dict[str, Callable[[], None]] = {}

    def join(self, holder: str, wake: Callable[[], None]) -> None:
        self._wakes[holder] = wake

    def leave(self, holder: str) -> None:
        """The holder's tasks have ended and nothing of it is in flight."""
        self._wakes.pop(holder, None)
        waited = self._account.give_up(holder)
        if self._account.leave(holder) or waited:
            self._wake()

    def take(self, holder: str, wanted: int) -> int:
        if not wanted:
            self.give_up(holder)
            return 0
        waited = self._account.waiting_count
        granted = self._account.take(holder, wanted)
        if self._account.waiting_count and not waited:
            self._call_in(holder)
        return granted

    def give_up(self, holder: str) -> None:
        """Wanted no longer: those behind it in line are called."""
        if self._account.give_up(holder):
            self._wake()

    def free(self, holder: str, count: int) -> None:
        if count:
            self._account.free(holder, count)
            self._wake()

    def _wake(self) -> None:
        for holder in self._account.next_in_line():
            self._wakes[holder]()

    def _call_in(self, holder: str) -> None:
        """Others may have slots that nobody wanted until now, and put off the write that frees them."""
        for other, wake in self._wakes.items():
            if other != holder and self._account.held(other):
                wake()

    def held(self, holder: str) -> int:
        return self._account.held(holder)

    @property
    def used(self) -> int:
        return self._account.used

    @property
    def slots_max(self) -> int:
        return self._account.slots_max

    @property
    def waiting_count(self) -> int:
        return self._account.waiting_count
