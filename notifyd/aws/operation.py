"""An AWS JSON operation whose answer has a type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

import msgspec

from notifyd.errors import NoAnswer
from notifyd.wire.aws_call import AwsService

Answer = TypeVar("Answer")


class Operation(Generic[Answer]):
    """`target` is the X-Amz-Target; members of the answer that `answer` does not name are passed over unparsed."""

    def __init__(self, target: str, answer: type[Answer]) -> None:
        self._target = target
        self._decode = msgspec.json.Decoder(answer).decode

    async def ask(self, service: AwsService, request: Mapping[str, object], *, attempts_max: int = 1) -> Answer:
        """Raises AwsError, Throttled, NotSent, or NoAnswer (an answer that cannot be read included)."""
        answer = await service.call(self._target, msgspec.json.encode(request), attempts_max=attempts_max)
        try:
            return self._decode(answer)
        except msgspec.DecodeError as error:
            raise NoAnswer(f"{self._target}: unreadable answer of {len(answer)} bytes: {error}") from error
