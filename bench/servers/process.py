"""What the server processes share: their command line, their life, their control paths."""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import ssl
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import msgspec
import uvloop

from bench.servers.http import Answer, Connection, Handler, Request, Unanswered


class Service(Protocol):
    """A stand-in: `answer` for AWS's calls, `control` for the bench's own under /_bench/."""

    def answer(self, request: Request) -> Answer: ...
    def control(self, path: str, body: bytes) -> dict[str, Any]: ...


class _Away(msgspec.Struct):
    away: bool


class Counted:
    """A service with its calls counted by operation, from the last `/_bench/window` on.

    `POST /_bench/away {"away": true}`: from then on no call is done or answered, until it is false.
    """

    def __init__(self, service: Service, operation: Callable[[Request], str]) -> None:
        self._service = service
        self._operation = operation
        self._calls: Counter[str] = Counter()
        self._is_away = False

    def __call__(self, request: Request) -> Answer:
        if request.path.startswith("/_bench/"):
            return Answer(msgspec.json.encode(self._control(request)), content_type="application/json")
        if self._is_away:
            raise Unanswered
        self._calls[self._operation(request)] += 1
        return self._service.answer(request)

    def _control(self, request: Request) -> dict[str, Any]:
        path = request.path.removeprefix("/_bench/")
        if path == "away":
            self._is_away = msgspec.json.decode(request.body, type=_Away).away
        if path == "window":
            self._calls.clear()
        said = self._service.control(path, request.body)
        return {**said, "calls": dict(self._calls)} if path == "stats" else said


def now_s() -> float:
    return time.time_ns() / 1e9


def target_operation(request: Request) -> str:
    """`GetRecords` of `Kinesis_20131202.GetRecords`."""
    return request.target.rpartition(".")[2]


def arguments(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--core", type=int, help="the CPU core to stay on")
    parser.add_argument("--tls", type=Path, help="folder with server.crt and server.key")
    return parser


def serve(handler: Handler, options: argparse.Namespace) -> None:
    pin(options)
    uvloop.run(listen(handler, options))


def pin(options: argparse.Namespace) -> None:
    """To its core, without pauses."""
    if options.core is not None:
        os.sched_setaffinity(0, {options.core})
    # What the servers keep is one growing heap without cycles: collecting it would only add pauses.
    gc.disable()


async def listen(handler: Handler, options: argparse.Namespace) -> None:
    """Prints the port on the first line, then serves until it is ended."""
    tls = None if options.tls is None else _tls(options.tls)
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(handler), "127.0.0.1", options.port, ssl=tls, backlog=512
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def _tls(folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    return context
