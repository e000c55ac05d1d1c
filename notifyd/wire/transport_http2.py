"""The Transport port for push: many requests at once over few connections, by libnghttp2."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from ssl import SSLContext
from typing import cast

from notifyd.errors import NotSent
from notifyd.ports import Entropy
from notifyd.wire.http1_target import target_of
from notifyd.wire.http2_exchange import Batch, Exchange
from notifyd.wire.http2_fields import fields_of_all, header_fields
from notifyd.wire.http2_limits import Http2Limits
from notifyd.wire.http2_pool import Pool
from notifyd.wire.limits import connect_timeout_s
from notifyd.wire.transport import NO_HEADERS, Answer, Hear, Request, Response


class Http2Transport:
    """To one origin. Made inside the running loop. Knows no proxies and no HEAD."""

    def __init__(
        self,
        origin: str,
        tls: SSLContext,
        *,
        entropy: Entropy,
        connections_max: int = 2,
        waiting_max: int = 10_000,
        limits: Http2Limits | None = None,
    ) -> None:
        """`origin` is as in `https://api.push.apple.com`; ValueError for what is none.

        `tls` is made to offer HTTP/2 alone: share it with nobody who speaks something else.
        """
        self._target = target_of(origin)
        if not self._target.tls or self._target.origin != origin:
            raise ValueError(f"{self._target.origin} is no https origin")
        tls.set_alpn_protocols(["h2"])
        self._loop = asyncio.get_running_loop()
        self._pool = Pool(
            self._target,
            tls,
            entropy=entropy,
            connections_max=connections_max,
            waiting_max=waiting_max,
            limits=limits or Http2Limits(),
        )

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
        """One attempt each, answers in order. Whoever is cancelled ends the streams of all."""
        now_s = self._loop.time()
        begin_by_s = now_s + connect_timeout_s(timeout_s)
        batch = Batch(self._target.origin, len(requests), begin_by_s=begin_by_s, tells=hear is not None)
        self._fill(batch, requests, shared)
        self._pool.submit(batch)
        # Nearly every batch is answered before the first time is over: one timer is a fifth of a lone send's cost.
        batch.timer = self._loop.call_at(begin_by_s, self._end_beginning, batch, now_s + timeout_s, timeout_s)
        answers = cast("list[Answer]", batch.answers)
        try:
            while not await batch.is_settled():
                if hear is not None:
                    hear([(place, answers[place]) for place in batch.take_fresh()])
        finally:
            batch.end()
            self._pool.end(batch, "nobody waits for it any more")
        return answers

    def _end_beginning(self, batch: Batch, by_s: float, timeout_s: float) -> None:
        """What has begun may take the rest of its time."""
        batch.timer = self._loop.call_at(by_s, self._pool.end, batch, f"no whole answer within {timeout_s:g} s")
        self._pool.drop(batch, f"no connection or stream within {connect_timeout_s(timeout_s):g} s")

    def retire(self, response: Response) -> None:
        """The connection that this answer came over takes no further request: the next ones go over another."""
        self._pool.retire(response.connection, "its user has retired it")

    async def close(self) -> None:
        """Streams that run may end within `limits.close_timeout_s`; what waits is not sent."""
        await self._pool.close()

    def _fill(self, batch: Batch, requests: Sequence[Request], shared: Mapping[str, str]) -> None:
        """What cannot be sent as it is gets its answer at once."""
        all_fields = fields_of_all(requests, self._target, header_fields(shared))
        for place, (request, fields) in enumerate(zip(requests, all_fields, strict=True)):
            if isinstance(fields, ValueError):
                batch.settle(place, NotSent(f"{self._target.origin}: {fields}"))
            else:
                batch.exchanges.append(Exchange(batch, place, fields, request.body))
