"""Plain HTTP to the sandbox, as a vendor's documentation shows it: nothing of our adapters."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from aiohttp import ClientSession, TCPConnector

from notifyd.sandbox.provider_sandbox import Sandbox


class Got(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class SandboxClient:
    def __init__(self, sandbox: Sandbox, session: ClientSession) -> None:
        self.sandbox = sandbox
        self.session = session

    async def ask(self, provider: str, method: str, path: str, **options: Any) -> Got:
        """`options`: aiohttp's: headers, json, data, params."""
        url = self.sandbox.urls[provider] + path
        async with self.session.request(method, url, **options) as answer:
            headers = {name.lower(): value for name, value in answer.headers.items()}
            return Got(answer.status, headers, await answer.read())

    async def tell(self, method: str, path: str, body: Any = None) -> Got:
        """The control API."""
        async with self.session.request(method, self.sandbox.url + path, json=body) as answer:
            return Got(answer.status, {}, await answer.read())


@asynccontextmanager
async def sandbox_client(*providers: str) -> AsyncIterator[SandboxClient]:
    async with Sandbox(*providers) as sandbox:
        tls = ssl.create_default_context(cafile=sandbox.ca_file)
        async with ClientSession(connector=TCPConnector(ssl=tls)) as session:
            yield SandboxClient(sandbox, session)
