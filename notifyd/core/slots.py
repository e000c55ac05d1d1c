"""Slots: how many deliveries of one process may be sent twice after its crash, at the very most.

A slot is held from the claim of a delivery until its log row is durable **and** a later conditional write on
its shard was acknowledged. Freed earlier, a zombie would walk on through its claims.
"""

from __future__ import annotations


class SlotAccount:
    """Shares `slots_max` out: to whoever has waited longest, nobody above a fair part. Pure.

    A holder is a shard or a channel's retry path. It never holds and waits: it takes all it gets at once,
    and is woken when more may be free.
    """

    def __init__(self, slots_max: int) -> None:
        if slots_max < 1:
            raise ValueError(f"slots_max is {slots_max}; it has to be at least 1")
        self.slots_max = slots_max
        self.used = 0
        self._held: dict[str, int] = {}
        self._waiting: dict[str, int] = {}  # holder → wanted, in the order of asking

    def take(self, holder: str, wanted: int) -> int:
        """How many of `wanted` slots the holder now has more of; with fewer than wanted it waits in line."""
        share = self._share(holder)
        granted = max(0, min(wanted, share - self.held(holder), self._free_for(holder, share)))
        if granted:
            self._held[holder] = self._held.get(holder, 0) + granted
            self.used += granted
            self._waiting.pop(holder, None)
        if granted < wanted:
            self._waiting.setdefault(holder, 0)
            self._waiting[holder] = wanted - granted
        else:
            self._waiting.pop(holder, None)
        return granted

    def give_up(self, holder: str) -> bool:
        """It waits no longer, so that who stands behind it in line does not wait for it; whether it did wait."""
        return self._waiting.pop(holder, None) is not None

    def free(self, holder: str, count: int) -> None:
        """Raises ValueError when more is freed than held: a bug that would break the bound."""
        held = self._held.get(holder, 0)
        if count > held:
            raise ValueError(f"{holder} frees {count} slots but holds {held}")
        self._set_held(holder, held - count)
        self.used -= count

    def leave(self, holder: str) -> int:
        """The holder is gone for good (its tasks have ended); how many slots that freed."""
        self._waiting.pop(holder, None)
        held = self._held.pop(holder, 0)
        self.used -= held
        return held

    def next_in_line(self) -> list[str]:
        """Who may take some now, longest waiting first."""
        line: list[str] = []
        free, share = self.slots_max - self.used, self._share()
        for holder, wanted in self._waiting.items():
            if free <= 0:
                break
            part = share - self.held(holder)
            if part > 0:
                line.append(holder)
                free -= min(wanted, part)
        return line

    def held(self, holder: str) -> int:
        return self._held.get(holder, 0)

    @property
    def waiting_count(self) -> int:
        return len(self._waiting)

    def _set_held(self, holder: str, count: int) -> None:
        if count:
            self._held[holder] = count
        else:
            self._held.pop(holder, None)

    def _share(self, *new: str) -> int:
        """A fair part: slots_max over all that want or hold some."""
        return max(1, self.slots_max // max(1, len({*self._waiting, *self._held, *new})))

    def _free_for(self, holder: str, share: int) -> int:
        """Free slots less what those before it in line may take."""
        free = self.slots_max - self.used
        for other, wanted in self._waiting.items():
            if other == holder or free <= 0:
                break
            free -= max(0, min(wanted, share - self.held(other)))
        return free
