"""`python -m bench.micro.push_calls`: pushes a second and CPU µs a push of the HTTP/2 clients, against nghttpd."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import ssl
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import uvloop
from rich.console import Console
from rich.table import Table

from bench.micro.aioapns_by_stream import Aioapns
from bench.nghttpd import device_path, nghttpd
from bench.options import choose_cores
from notifyd.system import SystemEntropy
from notifyd.wire.tls import client_context
from notifyd.wire.transport import Request, Response
from notifyd.wire.transport_http2 import Http2Transport

_TIMEOUT_S = 30.0
_RUN_TIMEOUT_S = 60.0
_TOKEN = "0" * 64
_PATH = device_path(_TOKEN)
_HEADERS = {
    "authorization": f"bearer {'x' * 250}",
    "apns-topic": "com.example.bench",
    "apns-push-type": "alert",
    "apns-priority": "10",
    "apns-expiration": "1700000000",
}
_BODY = b'{"aps":{"alert":{"title":"Payment received","body":"' + b"x" * 220 + b'"}}}'
Push = Callable[[int], Awaitable[None]]


class Client(msgspec.Struct, frozen=True):
    """`push` sends `batch` pushes, numbered from the one given; fewer are run of a slow client."""

    name: str
    batch: int
    push: Push
    share: float = 1.0


class Figures(msgspec.Struct):
    per_s: float = 0.0
    cpu_us: float = float("inf")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.micro.push_calls", description=__doc__)
    parser.add_argument("--pushes", type=int, default=40_000, help="of each client and round")
    parser.add_argument("--in-flight", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=5, help="interleaved; the best counts")
    options = parser.parse_args()
    cores = choose_cores()
    if cores.contestant is not None:
        os.sched_setaffinity(0, {cores.contestant})
    with (
        TemporaryDirectory() as name,
        nghttpd(Path(name), [_TOKEN], streams_max=options.in_flight, core=cores.servers) as server,
    ):
        figures = uvloop.run(_compare(server.origin, client_context(server.ca_file), options))
    slowest = figures["aioapns"]
    table = Table(title=f"HTTP/2 push over one connection, {options.in_flight} in flight")
    for column in ("client", "pushes/s", "CPU µs a push", "× aioapns"):
        table.add_column(column, justify="left" if column == "client" else "right")
    for client, seen in figures.items():
        ratio = f"{seen.per_s / slowest.per_s:.1f}"
        table.add_row(client, f"{seen.per_s:,.0f}", f"{seen.cpu_us:.1f}", ratio)
    Console().print(table)


async def _compare(origin: str, tls: ssl.SSLContext, options: argparse.Namespace) -> dict[str, Figures]:
    """Of each client the best round."""
    transport = Http2Transport(origin, tls, entropy=SystemEntropy(), connections_max=1)
    request = Request("POST", origin + _PATH, _HEADERS, _BODY)
    aioapns = await Aioapns.connect(origin, tls)
    clients = [
        Client("aioapns", 1, lambda number: aioapns.push(number, _PATH, _HEADERS, _BODY), share=0.1),
        *(_own(transport, request, batch) for batch in (1, 10, 100)),
    ]
    figures = {client.name: Figures() for client in clients}
    gc.freeze()
    for _ in range(options.rounds):
        for client in clients:
            pushes = int(options.pushes * client.share)
            await _run(client, options.in_flight, options.in_flight)
            _take_better(figures[client.name], await _run(client, pushes, options.in_flight))
    aioapns.close()
    await transport.close()
    return figures


def _take_better(best: Figures, seen: Figures) -> None:
    best.per_s = max(best.per_s, seen.per_s)
    best.cpu_us = min(best.cpu_us, seen.cpu_us)


async def _run(client: Client, pushes: int, in_flight: int) -> Figures:
    numbers = iter(range(0, pushes, client.batch))

    async def one_after_another() -> None:
        for number in numbers:
            await client.push(number)

    start_s, cpu_start_s = time.perf_counter(), time.thread_time()
    async with asyncio.timeout(_RUN_TIMEOUT_S):
        await asyncio.gather(*(one_after_another() for _ in range(in_flight // client.batch)))
    taken_s, cpu_s = time.perf_counter() - start_s, time.thread_time() - cpu_start_s
    return Figures(pushes / taken_s, cpu_s / pushes * 1e6)


def _own(transport: Http2Transport, request: Request, batch: int) -> Client:
    """Each push has headers of its own, as a real one has."""

    def made(number: int) -> Request:
        headers = {**request.headers, "apns-collapse-id": f"{number:026d}"}
        return Request(request.method, request.url, headers, request.body)

    async def push_one(number: int) -> None:
        await transport.send(made(number), timeout_s=_TIMEOUT_S)

    async def push_all(number: int) -> None:
        requests = [made(number + place) for place in range(batch)]
        answers = await transport.send_all(requests, timeout_s=_TIMEOUT_S)
        assert all(isinstance(answer, Response) for answer in answers)

    name = "port, one at a time" if batch == 1 else f"port, batches of {batch}"
    return Client(name, batch, push_one if batch == 1 else push_all)


if __name__ == "__main__":
    main()
