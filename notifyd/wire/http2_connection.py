"""A session on its socket: when it writes, when it has to show that it lives, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from ssl import SSLObject
from typing import cast

from notifyd.wire.http2_limits import Http2Limits
from notifyd.wire.http2_queue import Queue
from notifyd.wire.http2_session import Session

# What one turn of the loop writes of bodies. A transport asks for a pause when it holds as much: more would only
# lie there, in doubt.
_WRITE_BYTES_MAX = 64 * 1024


class Connection(asyncio.Protocol):
    """Writes in `flush` alone, called once a turn of the loop: a thousand requests are one write. Whatever makes
    a flush or a look at the queue worthwhile calls `wake`.
    """

    _transport: asyncio.Transport

    def __init__(self, number: int, limits: Http2Limits, wake: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._limits = limits
        self._wake = wake
        self._session = Session(number, limits)
        self._paused = False
        self._leaving = False
        self._heard_s = 0.0
        self._probe: asyncio.TimerHandle | None = None
        self._keeper: asyncio.TimerHandle | None = None
        self.opened: asyncio.Future[str] = self._loop.create_future()
        """Why it cannot be used; empty where it can."""
        self.lost: asyncio.Future[None] = self._loop.create_future()

    @property
    def number(self) -> int:
        return self._session.number

    @property
    def usable(self) -> bool:
        return not (self._session.retired or self._session.broken or self.lost.done())

    @property
    def promising(self) -> bool:
        """Its room is about to grow: it has answered nothing yet (APNs allows one stream until then), or shows
        that it lives.
        """
        return not self._session.answered or self._probe is not None

    @property
    def answered(self) -> bool:
        return self._session.answered

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but its bases
        tls: SSLObject = transport.get_extra_info("ssl_object")
        protocol = tls.selected_alpn_protocol()
        if protocol != "h2":
            self._end(
                f"the other side does not speak HTTP/2 (by ALPN it chose {protocol}); name the provider's own "
                "endpoint, or take away what ends TLS before it"
            )
            return
        self._hear()
        self._keep_alive()
        self.flush()

    def begin(self, queue: Queue) -> None:
        """Takes from the queue what finds room now."""
        exchange = queue.first()
        if exchange is None or not self.usable:
            return
        if self._loop.time() - self._heard_s >= self._limits.silence_max_s:
            self._show_life()
        if self._probe is not None or self._paused:
            return
        session = self._session
        room = session.room
        if room <= 0:
            return
        window_bytes, begun_bytes = session.window_bytes, 0
        while exchange is not None and room > 0 and not session.retired:
            body_bytes = len(exchange.body)
            # Who begins what the window does not let through whole leaves it half sent, in doubt. What is larger
            # than any window has to begin some time: when nothing else runs.
            if body_bytes > window_bytes and session.live:
                return
            if begun_bytes and begun_bytes + body_bytes > _WRITE_BYTES_MAX:
                self._wake()
                return
            window_bytes -= body_bytes
            begun_bytes += body_bytes
            room -= 1
            queue.take_first()
            session.begin(exchange, self)
            exchange = queue.first()

    def flush(self) -> None:
        session = self._session
        if self._leaving or self.lost.done():
            return
        if not self._paused:
            data = session.output()
            if data:
                self._transport.write(data)
        if session.broken:
            self._end(session.broken)
        elif session.retired and all(exchange.settled for exchange in session.live.values()):
            self._leave()

    def cancel(self, stream_id: int) -> None:
        self._session.cancel(stream_id)
        self._wake()

    def retire(self, why: str) -> None:
        """It takes no further request, and closes when what runs has ended."""
        self._session.retire(why)
        self._wake()

    def abort(self, why: str) -> None:
        self._session.lose_all(why)
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._hear()
        self._session.receive(data)
        if self._session.ready and not self.opened.done():
            self.opened.set_result("")
        self._wake()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        why = "the connection was closed" if exc is None else f"the connection was lost ({type(exc).__name__})"
        self._session.lose_all(why)
        for timer in (self._probe, self._keeper):
            if timer is not None:
                timer.cancel()
        if not self.opened.done():
            self.opened.set_result(self._session.broken)
        if not self.lost.done():
            self.lost.set_result(None)
        self._wake()

    def _hear(self) -> None:
        self._heard_s = self._loop.time()
        if self._probe is not None:
            self._probe.cancel()
            self._probe = None

    def _show_life(self) -> None:
        if self._probe is None:
            self._session.ping()
            self._probe = self._loop.call_later(self._limits.ping_timeout_s, self._hear_nothing)
            self._wake()

    def _hear_nothing(self) -> None:
        self._probe = None
        self.retire(f"no answer to a PING within {self._limits.ping_timeout_s:g} s")

    def _keep_alive(self) -> None:
        keep_alive_s = self._limits.keep_alive_s
        if self.usable and self._loop.time() - self._heard_s >= keep_alive_s:
            self._show_life()
        self._keeper = self._loop.call_later(keep_alive_s, self._keep_alive)

    def _leave(self) -> None:
        self._leaving = True
        self._session.say_goodbye()
        data = self._session.output()
        if data:
            self._transport.write(data)
        self._transport.close()

    def _end(self, why: str) -> None:
        self._leaving = True
        self._session.lose_all(why)
        self._transport.close()
