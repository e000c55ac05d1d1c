"""The sandbox told and asked over HTTP, for other processes and for people with curl.

GET    /mailbox?provider=&address=&delivery_id=&since=&limit=   {"messages": […]}, oldest first; since: epoch s
DELETE /mailbox?provider=            empties it, counts included
GET    /counts                       {provider: {requests, accepted, refused, duplicates}}
POST   /faults/{provider}            a list of faults (faults.py): [{"kind": "Refuse", "refusal": "throttled",
                                     "retry_after_s": 2, "share": 0.3, "duration_s": 60}]
DELETE /faults/{provider}            it behaves again, without latency
PUT    /latency/{provider}           {"latency_s": 0.05}
GET    /endpoints                    {provider: url}
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from heapq import merge
from itertools import islice
from typing import Annotated

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler
from msgspec import Meta

from notifyd.sandbox.faults import UnknownFault
from notifyd.sandbox.sink import AnySink

_MESSAGES_SHOWN_MAX = 10_000


class _Latency(msgspec.Struct, forbid_unknown_fields=True):
    latency_s: Annotated[float, Meta(ge=0)]


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    """The query of /mailbox."""

    provider: str | None = None
    address: str = ""
    delivery_id: str = ""
    since: float = 0.0
    limit: Annotated[int, Meta(ge=0)] = _MESSAGES_SHOWN_MAX


class Control:
    """`stands`: by provider. `endpoints`: asked when they are wanted, as ports are known late."""

    def __init__(self, stands: Mapping[str, AnySink], endpoints: Callable[[], Mapping[str, str]]) -> None:
        self._stands = stands
        self._endpoints = endpoints

    def app(self) -> web.Application:
        app = web.Application(middlewares=[_in_json])
        app.router.add_get("/mailbox", self._show_mailbox)
        app.router.add_delete("/mailbox", self._empty_mailbox)
        app.router.add_get("/counts", self._show_counts)
        app.router.add_post("/faults/{provider}", self._misbehave)
        app.router.add_delete("/faults/{provider}", self._behave)
        app.router.add_put("/latency/{provider}", self._slow_down)
        app.router.add_get("/endpoints", self._show_endpoints)
        return app

    async def _show_mailbox(self, request: web.Request) -> web.Response:
        asked = msgspec.convert(dict(request.query), _Asked, strict=False)
        found = (
            stand.inbox.find(address=asked.address, delivery_id=asked.delivery_id, since_s=asked.since)
            for stand in self._asked(asked.provider)
        )
        in_order = merge(*found, key=lambda message: message.time_s)
        return _json({"messages": list(islice(in_order, asked.limit))})

    async def _empty_mailbox(self, request: web.Request) -> web.Response:
        for stand in self._asked(request.query.get("provider")):
            stand.empty()
        return web.Response(status=204)

    async def _show_counts(self, _: web.Request) -> web.Response:
        return _json({provider: stand.counts for provider, stand in self._stands.items()})

    async def _misbehave(self, request: web.Request) -> web.Response:
        self._stand(request).order(await request.read())
        return web.Response(status=204)

    async def _behave(self, request: web.Request) -> web.Response:
        self._stand(request).behave()
        return web.Response(status=204)

    async def _slow_down(self, request: web.Request) -> web.Response:
        self._stand(request).latency_s = msgspec.json.decode(await request.read(), type=_Latency).latency_s
        return web.Response(status=204)

    async def _show_endpoints(self, _: web.Request) -> web.Response:
        return _json(self._endpoints())

    def _stand(self, request: web.Request) -> AnySink:
        (stand,) = self._asked(request.match_info["provider"])
        return stand

    def _asked(self, provider: str | None) -> Iterable[AnySink]:
        if provider is None:
            return self._stands.values()
        if provider not in self._stands:
            raise UnknownFault(f"no provider {provider} here; there are {', '.join(self._stands)}")
        return [self._stands[provider]]


@web.middleware
async def _in_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except (msgspec.DecodeError, UnknownFault) as error:
        return _json({"error": str(error)}, status=400)


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")
