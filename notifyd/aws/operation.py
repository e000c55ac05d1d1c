"""An AWS JSON operation whose answer has a type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Generic, TypeVar

import msgspec

from notifyd.core.unreadable import UNREADABLE
from notifyd.errors import NoAnswer
from notifyd.wire.aws_call import AwsService

Answer = TypeVar("Answer")


class Operation(Generic[Answer]):
    """`target` is the X-Amz-Target; members of the answer that `answer` does not name are passed over unparsed."""

    def __init__(self, target: str, answer: type[Answer]) -> None:
        self._target = target
        self._answers = msgspec.json.Decoder(answer)

    async def ask(self, service: AwsService, request: Mapping[str, object], *, attempts_max: int = 1) -> Answer:
        """Raises AwsError, Throttled, NotSent, or NoAnswer (an answer that cannot be read included)."""
        answer = await service.call(self._target, msgspec.json.encode(request), attempts_max=attempts_max)
        return read_answer(self._target, answer, self._answers)


def read_answer(operation: str, answer: bytes, answers: msgspec.json.Decoder[Answer]) -> Answer:
    """NoAnswer for what cannot be read: a 200 of something on the way that is not AWS tells nothing."""
    try:
        return answers.decode(answer)
    except UNREADABLE as error:
        raise NoAnswer(f"{operation}: unreadable answer of {len(answer)} bytes: {error}") from error


class _Nothing(msgspec.Struct):
    """Any JSON object."""


_NOTHING: Final = msgspec.json.Decoder(_Nothing)


def acknowledged(operation: str, answer: bytes) -> None:
    """Of a write that wants nothing back: DynamoDB says `{}`. Raises NoAnswer for a page of anybody else's."""
    read_answer(operation, answer, _NOTHING)
