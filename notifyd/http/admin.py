"""The admin port: /livez /readyz /healthz /metrics, for the pod's network."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from math import inf

import msgspec
from aiohttp import web

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


def admin_app(health: Health, metrics: Callable[[], bytes], redact: Redact) -> web.Application:
    """`metrics` gives the scrape's text; `redact` takes addresses out of what dependencies said."""

    async def livez(_request: web.Request) -> web.Response:
        return _probe(health.why_not_live(), redact)

    async def readyz(_request: web.Request) -> web.Response:
        return _probe(health.why_not_ready(), redact)

    async def healthz(_request: web.Request) -> web.Response:
        body = msgspec.json.format(msgspec.json.encode(health_page(health, redact)), indent=2)
        return web.Response(body=body, content_type="application/json")

    async def scrape(_request: web.Request) -> web.Response:
        return web.Response(body=metrics(), headers={"Content-Type": _METRICS_TYPE})

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
        OSError: the port is taken.
    """
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=_CLOSE_TIMEOUT_S)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def health_page(health: Health, redact: Redact) -> HealthPage:
    """Shards that were not read yet come first, then the oldest; those that ended last."""
    reasons = health.why_not_ready()
    shards = sorted(health.shards(), key=_urgency)
    return HealthPage(
        version=health.version,
        state=health.state,
        live=not health.why_not_live(),
        ready=not reasons,
        why_not_ready=[_short(redact(reason)) for reason in reasons[:_REASONS_SHOWN_MAX]],
        dependencies=[_shown(dependency, redact) for dependency in health.dependencies()],
        shards_total=len(shards),
        shards=shards[:_SHARDS_SHOWN_MAX],
    )


def _probe(reasons: Sequence[str], redact: Redact) -> web.Response:
    if not reasons:
        return web.Response(text="ok\n")
    text = "".join(f"{_short(redact(reason))}\n" for reason in reasons[:_REASONS_SHOWN_MAX])
    return web.Response(status=503, text=text)


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
