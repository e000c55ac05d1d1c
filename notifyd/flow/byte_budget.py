"""One byte budget for the process: when it is used up, reading stops."""

from __future__ import annotations

import asyncio

# Several shards prepare at once.
_PARTS_MIN = 8


class ByteBudget:
    """A single record larger than the whole budget still passes, alone. `part_bytes_max`: what should be taken at
    once at most.
    """

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self.part_bytes_max = bytes_max // _PARTS_MIN
        self._used_bytes = 0
        self._room = asyncio.Event()
        self._room.set()
        self._line = asyncio.Lock()

    async def take(self, size_bytes: int) -> None:
        """In the order of asking: small parts that overtake a large one keep it waiting while they come."""
        async with self._line:
            while self._used_bytes and self._used_bytes + size_bytes > self._bytes_max:
                self._room.clear()
                await self._room.wait()
            self._used_bytes += size_bytes

    def give_back(self, size_bytes: int) -> None:
        self._used_bytes -= size_bytes
        self._room.set()

    @property
    def used_bytes(self) -> int:
        return self._used_bytes
