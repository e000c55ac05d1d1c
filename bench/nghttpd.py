"""nghttpd, the HTTP/2 server of the nghttp2 project: answers faster than any client asks, and counts nothing."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from bench.certificate import make_certificate
from bench.processes import BenchFailed

_START_TIMEOUT_S = 10.0


class Nghttpd(msgspec.Struct, frozen=True):
    origin: str
    ca_file: Path
    pid: int


def device_path(token: str) -> str:
    return f"/3/device/{token}"


@contextmanager
def nghttpd(folder: Path, tokens: Iterable[str], *, streams_max: int, core: int | None) -> Iterator[Nghttpd]:
    """At each token's path it has an empty file: 200 without a body, as APNs answers."""
    command = shutil.which("nghttpd")
    if command is None:
        raise BenchFailed("nghttpd (Debian: nghttp2-server) is not on this machine")
    certificate = make_certificate(folder)
    documents = folder / "htdocs"
    _make_files(documents, tokens)
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port = chosen.getsockname()[1]
    options = [
        *(f"--max-concurrent-streams={streams_max}", "--window-bits=30", "--connection-window-bits=30"),
        *("--address=127.0.0.1", f"--htdocs={documents}"),
    ]
    files = [str(certificate.with_suffix(".key")), str(certificate)]
    child = subprocess.Popen([command, *options, str(port), *files], stdout=subprocess.DEVNULL)  # noqa: S603
    try:
        if core is not None:
            os.sched_setaffinity(child.pid, {core})
        _wait_for(port, child)
        yield Nghttpd(f"https://127.0.0.1:{port}", certificate, child.pid)
    finally:
        child.kill()
        child.wait()


def _make_files(documents: Path, tokens: Iterable[str]) -> None:
    folder = documents / device_path("").strip("/")
    folder.mkdir(parents=True)
    for token in tokens:
        (folder / token).touch()


def _wait_for(port: int, child: subprocess.Popen[bytes]) -> None:
    by_s = time.perf_counter() + _START_TIMEOUT_S
    while time.perf_counter() < by_s and child.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.02)
        else:
            return
    raise BenchFailed("nghttpd did not start")
