"""A proxy in front of a stand-in AWS that is as strict as AWS itself where the stand-in is not.

Of each hand-written request it checks the body against botocore's service model and the signature with the known
secret. What is wrong gets a 400 and is kept in `faults`. Requests of botocore's own (told by their user agent)
pass: it has checked and signed them itself.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, web

from notifyd.ports import Clock
from notifyd.wire.credentials import Credentials
from tests.support.aws_model import Refused, check_body, name_request
from tests.support.aws_signature import SignatureRefused, check_signature

_BODY_BYTES_MAX = 32 * 1024 * 1024
_HOP_BY_HOP = {"connection", "content-length", "keep-alive", "transfer-encoding"}


class CheckingProxy:
    def __init__(
        self, session: ClientSession, *, upstream: str, region: str, known: Credentials, clock: Clock
    ) -> None:
        self.url = ""
        self.faults: list[str] = []
        self.checked: list[str] = []
        self._session = session
        self._upstream = upstream
        self._region = region
        self._known = known
        self._clock = clock

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        if "botocore" not in headers.get("user-agent", "").lower():
            try:
                self._check(request, headers, body)
            except Refused as refused:
                self.faults.append(f"{headers.get('x-amz-target', request.path)}: {refused}")
                return _refusal(refused)
        return await self._forward(request, headers, body)

    def _check(self, request: web.Request, headers: dict[str, str], body: bytes) -> None:
        named = name_request(request.method, request.path, headers.get("x-amz-target"))
        check_signature(
            request.method,
            request.raw_path,
            headers,
            body,
            known=self._known,
            region=self._region,
            signing_name=named.service.signing_name,
            now_s=self._clock.now_s(),
        )
        check_body(named, headers.get("content-type"), body)
        self.checked.append(named.operation.name)

    async def _forward(self, request: web.Request, headers: dict[str, str], body: bytes) -> web.Response:
        onward = {name: value for name, value in headers.items() if name not in _HOP_BY_HOP}
        async with self._session.request(
            request.method,
            f"{self._upstream}{request.raw_path}",
            data=body or None,
            headers=onward,
            allow_redirects=False,
        ) as answer:
            back = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP}
            return web.Response(status=answer.status, headers=back, body=await answer.read())


def _refusal(refused: Refused) -> web.Response:
    code = "InvalidSignatureException" if isinstance(refused, SignatureRefused) else "ValidationException"
    text = json.dumps({"__type": code, "message": f"the checking proxy: {refused}"})
    return web.Response(status=400, text=text, content_type="application/x-amz-json-1.0")


@asynccontextmanager
async def checking_proxy(
    *, upstream: str, region: str, known: Credentials, clock: Clock
) -> AsyncIterator[CheckingProxy]:
    app = web.Application(client_max_size=_BODY_BYTES_MAX)
    async with ClientSession(
        auto_decompress=False, cookie_jar=DummyCookieJar(), timeout=ClientTimeout(total=60)
    ) as session:
        proxy = CheckingProxy(session, upstream=upstream, region=region, known=known, clock=clock)
        app.router.add_route("*", "/{path:.*}", proxy.handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            host, port = runner.addresses[0][:2]
            proxy.url = f"http://{host}:{port}"
            yield proxy
        finally:
            await runner.cleanup()
