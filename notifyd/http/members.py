"""The workers behind one admin port, and how each is asked for its own page."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

import msgspec

from notifyd.errors import TransportError
from notifyd.wire.transport import Request, Response, Transport

# What a probe of Kubernetes or ECS waits (3 s), less what merging takes.
PAGE_TIMEOUT_S = 2.0
# Ten thousand shards are half of it.
PAGE_BYTES_MAX = 4 * 1024 * 1024


class Member(msgspec.Struct, frozen=True):
    """`restarts`: how many processes of this worker have ended. `url`: empty while it has no process."""

    number: int
    restarts: int
    pid: int | None = None
    url: str = ""


class Crew(Protocol):
    """Answers from memory, at once."""

    @property
    def version(self) -> str: ...
    @property
    def draining(self) -> bool: ...
    def members(self) -> Sequence[Member]: ...


class MemberPages:
    """Over a transport that bounds the answer's size. None: no process, or no whole answer in time."""

    def __init__(self, transport: Transport, *, timeout_s: float = PAGE_TIMEOUT_S) -> None:
        self._transport = transport
        self._timeout_s = timeout_s

    async def of_all(self, members: Sequence[Member], path: str) -> list[Response | None]:
        """At the same time, so the slowest is the price of all."""
        return await asyncio.gather(*(self.of(member, path) for member in members))

    async def of(self, member: Member, path: str) -> Response | None:
        if not member.url:
            return None
        try:
            return await self._transport.send(Request("GET", member.url + path, {}), timeout_s=self._timeout_s)
        except TransportError:
            return None
