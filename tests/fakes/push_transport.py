"""A PushTransport that answers what it was given, whatever the number of requests in a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from notifyd.wire.transport import Answer, Request, Response

AnswerTo = Callable[[Request], Answer]


class FakePushTransport:
    """`batches` holds what was sent together; `retired` the connections that were given up."""

    def __init__(self, answer: Answer | AnswerTo = Response(200, {}, b"")) -> None:  # noqa: B008 - never changed
        self.answer = answer
        self.batches: list[list[Request]] = []
        self.retired: list[int] = []
        self.closed = False

    @property
    def requests(self) -> list[Request]:
        return [request for batch in self.batches for request in batch]

    async def send(self, request: Request, *, timeout_s: float) -> Response:
        [answer] = await self.send_all([request], timeout_s=timeout_s)
        if isinstance(answer, Response):
            return answer
        raise answer

    async def send_all(self, requests: Sequence[Request], *, timeout_s: float) -> list[Answer]:
        assert requests, "nothing to send is no call"
        assert timeout_s > 0
        self.batches.append(list(requests))
        return [self.answer(request) if callable(self.answer) else self.answer for request in requests]

    def retire(self, response: Response) -> None:
        self.retired.append(response.connection)

    async def close(self) -> None:
        self.closed = True
