"""Event ids, each held by the one record of this process that brings it to its end."""

from __future__ import annotations


class HeldIds:
    """Of one shard's run. `positions`: where each id is held, shared by all runs of the source.

    A run that is over holds nothing, whatever it hears later.
    """

    __slots__ = ("_mine", "_positions")

    def __init__(self, positions: dict[str, str]) -> None:
        self._positions = positions
        self._mine: set[str] = set()

    def hold(self, event_id: str, position: str) -> str | None:
        """None: it is held from now on. Else where the record is that holds it already."""
        holder = self._positions.get(event_id)
        if holder is None:
            self._positions[event_id] = position
            self._mine.add(event_id)
        return holder

    def let_go(self, event_id: str) -> None:
        """Its record is settled: the log tells of it now."""
        if event_id in self._mine:
            self._mine.remove(event_id)
            del self._positions[event_id]

    def leave(self) -> None:
        """The run is over; what was not settled is the next owner's."""
        for event_id in self._mine:
            del self._positions[event_id]
        self._mine.clear()
