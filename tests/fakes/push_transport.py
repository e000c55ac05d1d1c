"""A PushTransport that answers what it was given, whatever the number of requests in a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec.structs import replace

from notifyd.wire.transport import NO_HEADERS, Answer, Hear, Request, Response

AnswerTo = Callable[[Request], Answer]


class FakePushTransport:
    """`batches` holds what was sent together; `retired` the connections that were given up. All but the last
    answer of a batch are heard of before it.
    """

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

    async def send_all(
        self,
        requests: Sequence[Request],
        *,
        timeout_s: float,
        shared: Mapping[str, str] = NO_HEADERS,
        hear: Hear | None = None,
    ) -> list[Answer]:
        assert requests, "nothing to send is no call"
        assert timeout_s > 0
        requests = [replace(request, headers={**shared, **request.headers}) for request in requests]
        self.batches.append(requests)
        answers = [self.answer(request) if callable(self.answer) else self.answer for request in requests]
        if hear is not None:
            hear(list(enumerate(answers))[:-1])
        return answers

    def retire(self, response: Response) -> None:
        self.retired.append(response.connection)

    async def close(self) -> None:
        self.closed = True
