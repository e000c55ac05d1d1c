"""One connection: a request goes out, and what comes until the answer is whole belongs to it alone."""

from __future__ import annotations

import asyncio
import select
from typing import cast

import msgspec

from notifyd.wire.http1_answer import AnswerReader
from notifyd.wire.http1_head import BadAnswer
from notifyd.wire.transport import Response


class Broken(msgspec.Struct, frozen=True):
    """No whole answer. A value, since nobody may be left to take an exception."""

    why: str


class Connection(asyncio.Protocol):
    _transport: asyncio.Transport

    def __init__(self, *, answer_bytes_max: int, drops_large: bool) -> None:
        self._loop = asyncio.get_running_loop()
        self._answer_bytes_max = answer_bytes_max
        self._drops_large = drops_large
        self._reader: AnswerReader | None = None
        self._answer: asyncio.Future[Response | Broken] | None = None
        self._readable = select.poll()
        self.reusable = False
        """Open, and nothing is under way on it."""
        self.idle_since_s = 0.0
        self.lost: asyncio.Future[None] = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but its bases
        self._readable.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
        self.reusable = True

    def is_quiet(self) -> bool:
        """Whether the socket, too, holds nothing: neither an end nor bytes that nobody asked for.

        The loop reads them only when it comes round again: the request has gone out, and they would be its answer.
        """
        return self.reusable and not self._readable.poll(0)

    async def ask(self, request: list[bytes], *, by_s: float, timeout_s: float) -> Response | Broken:
        """`by_s`, in the loop's time, is when `timeout_s` is over.

        Who is cancelled leaves a closed connection behind.
        """
        self.reusable = False
        self._reader = AnswerReader(bytes_max=self._answer_bytes_max, drops_large=self._drops_large)
        answer: asyncio.Future[Response | Broken] = self._loop.create_future()
        self._answer = answer
        timer = self._loop.call_at(by_s, self._expire, timeout_s)
        self._transport.writelines(request)
        try:
            return await answer
        finally:
            timer.cancel()
            if not self.reusable:
                self.abort()

    def abort(self) -> None:
        """Without TLS's good-bye, which would wait for the other side's."""
        self.reusable = False
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._reader is None:
            self.abort()  # nobody asked: the next request would take it for its answer
            return
        try:
            answer = self._reader.feed(data)
        except BadAnswer as bad:
            self._settle(Broken(str(bad)))
            self.abort()
            return
        if answer is not None:
            # An answer that came before the whole request went out leaves the rest of it in the way of the next.
            self.reusable = self._reader.persistent and not self._transport.get_write_buffer_size()
            self._settle(answer)

    def eof_received(self) -> None:
        self.reusable = False
        if self._reader is not None:
            try:
                self._settle(self._reader.end())
            except BadAnswer as bad:
                self._settle(Broken(str(bad)))

    def connection_lost(self, exc: Exception | None) -> None:
        self._settle(Broken("the connection was closed" if exc is None else type(exc).__name__))
        self.reusable = False
        if not self.lost.done():
            self.lost.set_result(None)

    def _expire(self, timeout_s: float) -> None:
        self._settle(Broken(f"no whole answer within {timeout_s:g} s"))
        self.abort()

    def _settle(self, answer: Response | Broken) -> None:
        self._reader = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)
        self._answer = None
