"""The admin port: /livez /readyz /healthz /metrics, for the pod's network."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from math import inf
from socket import socket
from typing import Protocol

import msgspec
from aiohttp import web

from notifyd.errors import ConfigError, Fault
from notifyd.http.health import DependencyHealth, Health, ShardHealth

# What the one on call reads: the worst first, and no more than fits a screen or two of JSON.
_SHARDS_SHOWN_MAX = 200
_REASONS_SHOWN_MAX = 50
_ERROR_CHARS_MAX = 500
_CLOSE_TIMEOUT_S = 1.0
_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Redact = Callable[[str], str]


class HealthPage(msgspec.Struct):
    version: str
    state: str
    live: bool
    ready: bool
    why_not_ready: list[str]
    dependencies: list[DependencyHealth]
    shards_total: int
    shards: list[ShardHealth]


class AdminPages(Protocol):
    """What is served: one process's own pages, or those of several workers as one."""

    async def why_not_live(self) -> Sequence[str]: ...
    async def why_not_ready(self) -> Sequence[str]: ...
    async def health(self) -> HealthPage: ...
    async def metrics(self) -> bytes: ...


class OwnPages:
    """`metrics` gives the scrape's text; `redact` takes addresses out of what dependencies said."""

    def __init__(self, health: Health, metrics: Callable[[], bytes], redact: Redact) -> None:
        self._health = health
        self._metrics = metrics
        self._redact = redact

    async def why_not_live(self) -> Sequence[str]:
        return [self._redact(reason) for reason in self._health.why_not_live()]

    async def why_not_ready(self) -> Sequence[str]:
        return [self._redact(reason) for reason in self._health.why_not_ready()]

    async def health(self) -> HealthPage:
        health = self._health
        reasons = await self.why_not_ready()
        shards, shards_total = shown_shards(health.shards())
        return HealthPage(
            version=health.version,
            state=health.state,
            live=not health.why_not_live(),
            ready=not reasons,
            why_not_ready=shown_reasons(reasons),
            dependencies=[_shown(dependency, self._redact) for dependency in health.dependencies()],
            shards_total=shards_total,
            shards=shards,
        )

    async def metrics(self) -> bytes:
        return self._metrics()


def admin_app(pages: AdminPages) -> web.Application:
    async def livez(_request: web.Request) -> web.Response:
        return _probe(await pages.why_not_live())

    async def readyz(_request: web.Request) -> web.Response:
        return _probe(await pages.why_not_ready())

    async def healthz(_request: web.Request) -> web.Response:
        body = msgspec.json.format(msgspec.json.encode(await pages.health()), indent=2)
        return web.Response(body=body, content_type="application/json")

    async def scrape(_request: web.Request) -> web.Response:
        return web.Response(body=await pages.metrics(), headers={"Content-Type": _METRICS_TYPE})

    app = web.Application()
    app.add_routes(
        [
            web.get("/livez", livez),
            web.get("/readyz", readyz),
            web.get("/healthz", healthz),
            web.get("/metrics", scrape),
        ]
    )
    return app


@asynccontextmanager
async def serve_admin(app: web.Application, host: str, port: int) -> AsyncIterator[int]:
    """Serves while the context is open; gives the port bound, which is another one only where 0 was asked for.

    Raises:
        ConfigError: the port cannot be had.
    """
    async with _runner_of(app) as runner:
        try:
            await web.TCPSite(runner, host, port).start()
        except (OSError, UnicodeError) as error:  # UnicodeError: the host is no name that DNS could be asked for
            why = error.strerror if isinstance(error, OSError) else error
            what = f"{host}:{port} cannot be bound: {why}"
            raise ConfigError([Fault("admin.port", what, "free the port, or set another")]) from None
        yield runner.addresses[0][1]


@asynccontextmanager
async def serve_admin_on(app: web.Application, listening: socket) -> AsyncIterator[int]:
    """The same on a socket that was opened by somebody else."""
    async with _runner_of(app) as runner:
        await web.SockSite(runner, listening).start()
        yield runner.addresses[0][1]


@asynccontextmanager
async def _runner_of(app: web.Application) -> AsyncIterator[web.AppRunner]:
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=_CLOSE_TIMEOUT_S)
    await runner.setup()
    try:
        yield runner
    finally:
        await runner.cleanup()


def shown_shards(shards: Sequence[ShardHealth]) -> tuple[list[ShardHealth], int]:
    """Shards that were not read yet come first, then the oldest, those that ended last; and how many there are."""
    return sorted(shards, key=_urgency)[:_SHARDS_SHOWN_MAX], len(shards)


def shown_reasons(reasons: Sequence[str]) -> list[str]:
    return [_short(reason) for reason in reasons[:_REASONS_SHOWN_MAX]]


def _probe(reasons: Sequence[str]) -> web.Response:
    if not reasons:
        return web.Response(text="ok\n")
    return web.Response(status=503, text="".join(f"{reason}\n" for reason in shown_reasons(reasons)))


def _urgency(shard: ShardHealth) -> tuple[float, str]:
    if shard.state == "ended":
        return 1, shard.shard
    return -(inf if shard.iterator_age_s is None else shard.iterator_age_s), shard.shard


def _shown(dependency: DependencyHealth, redact: Redact) -> DependencyHealth:
    if dependency.last_error is None:
        return dependency
    return msgspec.structs.replace(dependency, last_error=_short(redact(dependency.last_error)))


def _short(text: str) -> str:
    return text if len(text) <= _ERROR_CHARS_MAX else f"{text[:_ERROR_CHARS_MAX]}…"
