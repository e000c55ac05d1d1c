"""An AwsService whose answers a test computes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from notifyd.wire.aws_call import AwsService
from notifyd.wire.credentials import Credentials
from notifyd.wire.transport import Request, Response
from tests.fakes.system import FakeClock, FakeEntropy


class ScriptedAws:
    """`answers` by operation: from a decoded body to a body. `asked` holds every body, by operation."""

    def __init__(self) -> None:
        self.answers: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.service = AwsService(
            service="any",
            region="eu-central-1",
            endpoint="http://scripted",
            credentials=_Known(),
            transport=self,
            clock=FakeClock(),
            entropy=FakeEntropy(),
        )

    async def send(self, request: Request, *, timeout_s: float) -> Response:  # noqa: ARG002 - Transport's
        operation = request.headers["x-amz-target"].rpartition(".")[2]
        body = msgspec.json.decode(request.body)
        self.asked.append((operation, body))
        return Response(200, {}, msgspec.json.encode(self.answers[operation](body)))

    async def close(self) -> None:
        """Nothing is open."""


class _Known:
    async def current(self, within_s: float) -> Credentials:  # noqa: ARG002 - the source's
        return Credentials("key", "secret")
