"""A loop of virtual time whose connections are made of memory: both ends in one process, no socket, no TLS."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from errno import ECONNREFUSED
from typing import Any

from tests.support.virtual_time import VirtualLoop


def _nobody() -> asyncio.Protocol:
    raise ConnectionRefusedError(ECONNREFUSED, "Connection refused")


class MemoryLoop(VirtualLoop):
    """`serve` makes the other end of each connection, or raises what connecting shall raise."""

    def __init__(self) -> None:
        super().__init__()
        self.serve: Callable[[], asyncio.Protocol] = _nobody
        self.faults: list[str] = []
        """What nobody caught."""
        self.near: list[MemoryTransport] = []
        self.set_exception_handler(lambda _, context: self.faults.append(str(context)))

    def timers(self) -> list[asyncio.TimerHandle]:
        scheduled: list[asyncio.TimerHandle] = self._scheduled  # type: ignore[attr-defined] # asyncio's own
        return list(scheduled)

    async def create_connection(self, factory: Any, *_: Any, **__: Any) -> Any:  # type: ignore[override]
        near, far = factory(), self.serve()
        one, other = MemoryTransport(self, near), MemoryTransport(self, far)
        one.other, other.other = other, one
        self.near.append(one)
        far.connection_made(other)
        near.connection_made(one)
        return one, near


class MemoryTransport(asyncio.Transport):
    """What one end writes in a turn of the loop, the other one reads in the next."""

    other: MemoryTransport

    def __init__(self, loop: asyncio.AbstractEventLoop, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._loop = loop
        self._protocol = protocol
        self._ended = False
        self.writes = 0

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self if name == "ssl_object" else default

    def selected_alpn_protocol(self) -> str:
        return "h2"

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes += 1
        if not self._ended:
            self._loop.call_soon(self.other.read, bytes(data))

    def congest(self) -> None:
        """As if the other end read no more."""
        self._protocol.pause_writing()

    def read(self, data: bytes) -> None:
        if not self._ended:
            self._protocol.data_received(data)

    def is_closing(self) -> bool:
        return self._ended

    def close(self) -> None:
        """After what was written before."""
        for end in (self, self.other):
            self._loop.call_soon(end.end)

    def abort(self) -> None:
        self.close()

    def end(self) -> None:
        if not self._ended:
            self._ended = True
            self._protocol.connection_lost(None)
