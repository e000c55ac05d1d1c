from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from aiobotocore.session import get_session

from bench.servers.http import Connection, Handler

Client = Callable[[Handler, str], AbstractAsyncContextManager[Any]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """The handler's URL."""
    server = await asyncio.get_running_loop().create_server(lambda: Connection(handler), "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()


@pytest.fixture
def client_of() -> Client:
    """A client of botocore's speaking to a bench server: it parses by AWS's own models."""
    return _client_of


@asynccontextmanager
async def _client_of(handler: Handler, service: str) -> AsyncIterator[Any]:
    async with (
        serving(handler) as url,
        get_session().create_client(
            service,
            endpoint_url=url,
            region_name="eu-central-1",
            aws_access_key_id="AKIDBENCH",
            aws_secret_access_key="bench",
        ) as client,
    ):
        yield client
