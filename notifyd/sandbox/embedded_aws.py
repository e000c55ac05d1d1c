"""An AWS on loopback for demo, development and tests: ministack as a child process.

    with run_embedded_aws() as aws:
        aws.url  # "http://127.0.0.1:40123"

It keeps nothing on disk, listens on loopback only, and ends with its parent, however the parent ends.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from notifyd.errors import NotifydError

_HOST = "127.0.0.1"
_REGION = "us-east-1"
# Up in 0.4 s on an idle machine; a busy one gets 30 s: polls × interval, plus what refused connections cost.
_POLL_INTERVAL_S = 0.05
_POLLS_MAX = 600
# Between choosing a free port and binding it somebody else may take it; ministack then exits at once.
_PORTS_TRIED_MAX = 5
_END_TIMEOUT_S = 5.0


class EmbeddedAwsError(NotifydError):
    """The embedded AWS did not come up; the text ends with what it printed."""


class EmbeddedAws(msgspec.Struct, frozen=True):
    """Where it listens, and made-up credentials: ministack checks none."""

    url: str
    pid: int
    region: str = _REGION
    access_key: str = "AKIDEMBEDDEDAWS"
    secret_key: str = "no-secret-at-all"  # noqa: S105 - of a stand-in that checks none


@contextmanager
def run_embedded_aws() -> Iterator[EmbeddedAws]:
    """Raises EmbeddedAwsError where it does not come up."""
    with TemporaryDirectory(prefix="notifyd-aws-", ignore_cleanup_errors=True) as scratch:
        for _ in range(_PORTS_TRIED_MAX):
            port = _free_port()
            with _child(port, Path(scratch)) as process:
                if _came_up(process, port):
                    yield EmbeddedAws(url=f"http://{_HOST}:{port}", pid=process.pid)
                    return
        raise EmbeddedAwsError(f"the embedded AWS did not come up:\n{_log(Path(scratch)).read_text()[-2000:]}")


def _log(scratch: Path) -> Path:
    return scratch / "ministack.log"


@contextmanager
def _child(port: int, scratch: Path) -> Iterator[subprocess.Popen[bytes]]:
    # A clean environment: no credentials, profile or persistence switch of the operator reaches the stand-in.
    environment = {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": _HOST,
        "MINISTACK_REGION": _REGION,
        "LOG_LEVEL": "WARNING",
        "PATH": os.defpath,
        "HOME": str(scratch),
        "TMPDIR": str(scratch),
    }
    with _log(scratch).open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "notifyd.sandbox.guarded", "ministack"],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            # Ctrl-C is the parent's alone, which still needs this AWS to come to its end in order.
            start_new_session=True,
        )
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Closing its stdin ends it (guarded.py); a process that is stuck is killed."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(_END_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])


def _came_up(process: subprocess.Popen[bytes], port: int) -> bool:
    """False: it exited, or did not answer in time."""
    for _ in range(_POLLS_MAX):
        try:
            process.wait(_POLL_INTERVAL_S)
        except subprocess.TimeoutExpired:
            if _answers(port):
                return process.poll() is None
        else:
            return False
    return False


def _answers(port: int) -> bool:
    with closing(HTTPConnection(_HOST, port, timeout=1.0)) as connection:
        try:
            connection.request("GET", "/_ministack/health")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
