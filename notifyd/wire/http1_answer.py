"""One HTTP/1.1 answer, read from bytes as they come."""

from __future__ import annotations

from notifyd.wire.http1_body import Body, TooLarge, body_of
from notifyd.wire.http1_head import HEAD_BYTES_MAX, BadAnswer, Head, parse_head
from notifyd.wire.transport import Response

_END_OF_HEAD = b"\r\n\r\n"


class AnswerReader:
    """For one answer to one request that is no HEAD. Both ways of reading raise BadAnswer.

    `drops_large`: an answer of more than `bytes_max` is one without a body, for whom its status says enough.
    """

    __slots__ = ("_body", "_bytes_max", "_drops_large", "_head", "_head_bytes", "_start", "persistent")

    def __init__(self, *, bytes_max: int, drops_large: bool = False) -> None:
        self._bytes_max = bytes_max
        self._drops_large = drops_large
        self._start = b""
        self._head_bytes = 0
        self._head: Head | None = None
        self._body: Body | None = None
        self.persistent = False
        """Of a whole answer: the connection is good for the next request."""

    def feed(self, data: bytes) -> Response | None:
        """The answer once it is whole."""
        head, body = self._head, self._body
        if head is None or body is None:
            if self._start:
                # Copied anew for each part of a head: a head is small, and mostly one part.
                data, self._start = self._start + data, b""
            head, rest = self._final_head(data)
            if head is None:
                return None
            self._head = head
            data = rest
        try:
            if body is None:
                self._body = body = body_of(head, bytes_max=self._bytes_max)
            content = body.feed(data)
        except TooLarge:
            if not self._drops_large:
                raise
            return Response(head.status, head.headers, b"")
        if content is None:
            return None
        self.persistent = head.persistent and not body.surplus
        return Response(head.status, head.headers, content)

    def end(self) -> Response:
        """The answer where the end of the connection makes it whole."""
        content = None if self._body is None else self._body.end()
        if self._head is None or content is None:
            raise BadAnswer("the other side closed before the whole answer")
        return Response(self._head.status, self._head.headers, content)

    def _final_head(self, data: bytes) -> tuple[Head | None, bytes]:
        """The first head that is no interim one (100 Continue, 103 Early Hints), and what follows it."""
        while True:
            end = data.find(_END_OF_HEAD)
            if self._head_bytes + (len(data) if end < 0 else end) > HEAD_BYTES_MAX:
                raise BadAnswer(f"the answer's head is larger than {HEAD_BYTES_MAX} bytes")
            if end < 0:
                self._start = data
                return None, b""
            head = parse_head(data[:end])
            data = data[end + len(_END_OF_HEAD) :]
            if head.status >= 200:
                return head, data
            if head.status == 101:
                raise BadAnswer("the other side changes to a protocol that nobody asked for")
            self._head_bytes += end
