"""A fault proxy for one AWS service, on HTTP's level: it throttles, cuts, delays and goes away when told to.

async with fault_proxies(aws.url) as proxies:
environment |= proxies.environment            # AWS_ENDPOINT_URL_<SERVICE> of each
proxies.of["sqs"].fault = Throttle(share=0.3)
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random  # noqa: TID251 - seeded by the caller: the same requests every time

import msgspec
from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector, web

from notifyd.ports import Clock

# What the daemon calls; botocore's names of the endpoint variables.
SERVICES = ("dynamodb", "dynamodb_streams", "kinesis", "sqs", "sns")
_THROTTLING_CODES = {
    "dynamodb": "ProvisionedThroughputExceededException",
    "dynamodb_streams": "ProvisionedThroughputExceededException",
    "kinesis": "ProvisionedThroughputExceededException",
    "sqs": "RequestThrottled",
    "sns": "Throttling",
}
_BODY_BYTES_MAX = 32 * 1024 * 1024
_HOP_BY_HOP = {"connection", "content-length", "keep-alive", "transfer-encoding"}


class _Some(msgspec.Struct, frozen=True, kw_only=True):
    """`share`: of the requests. `about`: only those whose body holds it."""

    share: float = 1.0
    about: bytes = b""


class Throttle(_Some, frozen=True, kw_only=True):
    """Refused with the service's own throttling error; nothing is applied."""


class Cut(_Some, frozen=True, kw_only=True):
    """Applied, and the connection ends instead of an answer."""


class Refuse(_Some, frozen=True, kw_only=True):
    """The connection ends before anything is forwarded."""


class Delay(_Some, frozen=True, kw_only=True):
    """Forwarded late."""

    seconds: float


Fault = Throttle | Cut | Refuse | Delay


class FaultProxy:
    """`arrived` counts requests, `faulted` those that met the fault."""

    def __init__(self, service: str, upstream: str, session: ClientSession, random: Random, clock: Clock) -> None:
        self.url = ""
        self.fault: Fault | None = None
        self.arrived = 0
        self.faulted = 0
        self._service = service
        self._upstream = upstream
        self._session = session
        self._random = random
        self._clock = clock

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.arrived += 1
        fault = self.fault
        if fault is None or fault.about not in body or self._random.random() >= fault.share:
            return await self._forward(request, body)
        self.faulted += 1
        match fault:
            case Throttle():
                return self._throttled(request)
            case Delay():
                await self._clock.sleep(fault.seconds)
                return await self._forward(request, body)
            case Cut():
                return _cut(request, await self._forward(request, body))
            case Refuse():
                return _cut(request, web.Response())

    def _throttled(self, request: web.Request) -> web.Response:
        code = _THROTTLING_CODES[self._service]
        if "x-amz-target" not in request.headers:  # SNS speaks the query protocol
            error = f"<Error><Code>{code}</Code><Message>Rate exceeded</Message></Error>"
            text = f"<ErrorResponse>{error}</ErrorResponse>"
            return web.Response(status=400, text=text, content_type="text/xml")
        text = json.dumps({"__type": f"com.amazonaws#{code}", "message": "Rate exceeded"})
        return web.Response(status=400, text=text, content_type="application/x-amz-json-1.0")

    async def _forward(self, request: web.Request, body: bytes) -> web.Response:
        onward = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        async with self._session.request(
            request.method,
            f"{self._upstream}{request.raw_path}",
            data=body or None,
            headers=onward,
            allow_redirects=False,
        ) as answer:
            back = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP}
            return web.Response(status=answer.status, headers=back, body=await answer.read())


def _cut(request: web.Request, answer: web.Response) -> web.Response:
    """The answer is made for aiohttp's sake; nobody hears it."""
    if request.transport is not None:
        request.transport.abort()
    return answer


class FaultProxies:
    """One for each service: of one replica, or of all."""

    def __init__(self, of: dict[str, FaultProxy]) -> None:
        self.of = of

    @property
    def environment(self) -> dict[str, str]:
        return {f"AWS_ENDPOINT_URL_{name.upper()}": proxy.url for name, proxy in self.of.items()}

    def befall(self, fault: Fault | None, *services: str) -> None:
        """Of these services alone where some are named; None ends it."""
        for name in services or SERVICES:
            self.of[name].fault = fault

    def arrived(self, *services: str) -> int:
        return sum(self.of[name].arrived for name in services or SERVICES)


@asynccontextmanager
async def fault_proxies(upstream: str, clock: Clock, seed: int) -> AsyncIterator[FaultProxies]:
    random = Random(f"faults-{seed}")  # noqa: S311 - no secret is made of it
    async with AsyncExitStack() as stack:
        session = ClientSession(
            connector=TCPConnector(limit=0),
            auto_decompress=False,
            cookie_jar=DummyCookieJar(),
            timeout=ClientTimeout(total=60),
        )
        await stack.enter_async_context(session)
        of = {name: FaultProxy(name, upstream, session, random, clock) for name in SERVICES}
        for proxy in of.values():
            runner = await _serve(proxy)
            stack.push_async_callback(runner.cleanup)
        yield FaultProxies(of)


async def _serve(proxy: FaultProxy) -> web.AppRunner:
    app = web.Application(client_max_size=_BODY_BYTES_MAX)
    app.router.add_route("*", "/{path:.*}", proxy.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    proxy.url = f"http://{host}:{port}"
    return runner
