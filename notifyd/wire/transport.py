"""The one HTTP port. An implementation makes one attempt a call: no retry, no redirect, no silent reconnect."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Protocol, TypeAlias

import msgspec

from notifyd.errors import NoAnswer, NotSent


class Request(msgspec.Struct):
    method: str
    url: str
    headers: dict[str, str]
    body: bytes = b""


class Response(msgspec.Struct):
    """`headers` have lower-case names. `connection`: its number, where a transport tells them apart."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    connection: int = 0


Answer: TypeAlias = Response | NotSent | NoAnswer
"""What became of one attempt, as a value."""
NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})
Hear: TypeAlias = Callable[[Sequence[tuple[int, Answer]]], None]
"""Takes answers, each with its request's place."""


class Transport(Protocol):
    async def send(self, request: Request, *, timeout_s: float) -> Response:
        """One attempt, whatever the status.

        Raises:
            NotSent: the other side has seen nothing, or says that it did nothing.
            NoAnswer: bytes went out (or may have), and no whole answer came within `timeout_s`.
        """
        ...

    async def close(self) -> None: ...


class BatchTransport(Transport, Protocol):
    async def send_all(
        self,
        requests: Sequence[Request],
        *,
        timeout_s: float,
        shared: Mapping[str, str] = NO_HEADERS,
        hear: Hear | None = None,
    ) -> list[Answer]:
        """One attempt each, answers in order. Whoever asks is woken when the last one is there; `hear` may be
        given others while that is waited for. `shared`: headers that each has beside its own.
        """
        ...
