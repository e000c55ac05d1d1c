"""`python -m bench.micro.http_calls`: CPU µs a call of the HTTP clients, against a server in another process."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import thread_time

import msgspec
import uvloop
from aiohttp import ClientSession, DummyCookieJar, TCPConnector
from rich.console import Console
from rich.table import Table

from bench.certificate import make_certificate
from bench.options import choose_cores
from bench.processes import Server
from notifyd.wire.proxies import Proxies
from notifyd.wire.tls import client_context
from notifyd.wire.transport import Request, Transport
from notifyd.wire.transport_aiohttp import AiohttpTransport
from notifyd.wire.transport_http1 import Http1Transport

_IN_FLIGHT = 16
_TIMEOUT_S = 10.0
# What a signed call carries.
_HEADERS = {
    "content-type": "application/x-amz-json-1.0",
    "x-amz-target": "DynamoDB_20120810.BatchWriteItem",
    "x-amz-date": "20260101T000000Z",
    "authorization": "AWS4-HMAC-SHA256 Credential=AKIDBENCH/20260101/eu-central-1/dynamodb/aws4_request, "
    "SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=" + "0" * 64,
}
Call = Callable[[str, bytes], Awaitable[object]]


class Client(msgspec.Struct, frozen=True):
    call: Call
    close: Callable[[], Awaitable[None]]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.micro.http_calls", description=__doc__)
    parser.add_argument("--calls", type=int, default=4000, help="of each client, size and round")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved; the best counts")
    options = parser.parse_args()
    cores = choose_cores()
    if cores.contestant is not None:
        os.sched_setaffinity(0, {cores.contestant})
    table = Table(title="CPU of one HTTP call, µs")
    for column in ("out/back", "TLS", "aiohttp", "port on aiohttp", "port on http1", "ratio"):
        table.add_column(column, justify="right")
    with TemporaryDirectory() as name:
        folder = Path(name)
        certificate = make_certificate(folder)
        for tls in (False, True):
            with Server("bench.servers.sized", [], core=cores.servers, folder=folder, tls=tls) as server:
                for sent, back in ((500, 100), (4_000, 20_000)):
                    url = f"{'https' if tls else 'http'}://{server.address}/{back}"
                    figures = uvloop.run(_compare(url, b"x" * sent, client_context(certificate), options))
                    shown = [f"{figure:.1f}" for figure in figures]
                    ratio = f"{figures[1] / figures[2]:.2f}"
                    table.add_row(f"{sent}/{back}", "yes" if tls else "no", *shown, ratio)
    Console().print(table)


async def _compare(url: str, body: bytes, tls: ssl.SSLContext, options: argparse.Namespace) -> list[float]:
    """The best round of each client."""
    lean = AiohttpTransport(tls, proxies=Proxies({}))
    clients = [_aiohttp(tls), _transport(lean), _transport(Http1Transport(tls))]
    best = [float("inf")] * len(clients)
    gc.freeze()
    for _ in range(options.rounds):
        for number, client in enumerate(clients):
            await _run(client.call, url, body, _IN_FLIGHT * 4)
            best[number] = min(best[number], await _run(client.call, url, body, options.calls))
    for client in clients:
        await client.close()
    return best


async def _run(call: Call, url: str, body: bytes, calls: int) -> float:
    async def one_after_another() -> None:
        for _ in range(calls // _IN_FLIGHT):
            await call(url, body)

    start_s = thread_time()
    await asyncio.gather(*(one_after_another() for _ in range(_IN_FLIGHT)))
    return (thread_time() - start_s) / calls * 1e6


def _aiohttp(tls: ssl.SSLContext) -> Client:
    session = ClientSession(connector=TCPConnector(ssl=tls), cookie_jar=DummyCookieJar(), auto_decompress=False)

    async def call(url: str, body: bytes) -> bytes:
        async with session.post(url, data=body, headers=_HEADERS) as answer:
            return await answer.read()

    return Client(call, session.close)


def _transport(transport: Transport) -> Client:
    async def call(url: str, body: bytes) -> object:
        return await transport.send(Request("POST", url, _HEADERS, body), timeout_s=_TIMEOUT_S)

    return Client(call, transport.close)


if __name__ == "__main__":
    main()
