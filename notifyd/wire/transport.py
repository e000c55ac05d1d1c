"""The one HTTP port. An implementation makes one attempt a call: no retry, no redirect, no silent reconnect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec


class Request(msgspec.Struct):
    method: str
    url: str
    headers: dict[str, str]
    body: bytes = b""


class Response(msgspec.Struct):
    """`headers` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport(Protocol):
    async def send(self, request: Request, *, timeout_s: float) -> Response:
        """One attempt, whatever the status.

        Raises:
            NotSent: no connection was made; the other side has seen nothing.
            NoAnswer: bytes went out (or may have), and no whole answer came within `timeout_s`.
        """
        ...

    async def close(self) -> None: ...
