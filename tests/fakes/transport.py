"""A Transport that answers what it was given."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from notifyd.errors import TransportError
from notifyd.wire.transport import Request, Response


class FakeTransport:
    """Each request takes the next answer; one too many is a bug of the test."""

    def __init__(self, answers: Iterable[Response | TransportError]) -> None:
        self._answers = iter(answers)
        self.requests: list[Request] = []
        self.closed = False

    async def send(self, request: Request, *, timeout_s: float) -> Response:
        assert timeout_s > 0
        self.requests.append(request)
        await asyncio.sleep(0)  # noqa: TID251 - the answer comes in a later turn, so requests can be in flight together
        answer = next(self._answers, None)
        assert answer is not None, f"no answer left for request {len(self.requests)}"
        if isinstance(answer, TransportError):
            raise answer
        return answer

    async def close(self) -> None:
        self.closed = True
