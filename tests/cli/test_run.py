"""`notifyd run` before there is a daemon, and numbers that no command can do anything with."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from notifyd.sandbox.embedded_aws import EmbeddedAws
from tests.cli.shell import write_config
from tests.support.shell import environ_of, notifyd_here

pytestmark = pytest.mark.aws


@pytest.mark.parametrize("number", ["inf", "nan"])
@pytest.mark.parametrize(
    "command",
    [
        ("dlq", "redrive", "--deadline-s"),
        ("dlq", "redrive", "--rate"),
        ("replay", "--from", "1h", "--rate"),
        ("reconcile", "--from", "1h", "--rate"),
        ("sandbox", "--only", "nobody", "--latency-ms"),
    ],
    ids=" ".join,
)
def test_a_number_without_an_end_is_a_wrong_call(
    embedded_aws: EmbeddedAws, command: tuple[str, ...], number: str
) -> None:
    done = notifyd_here(*command, number, environ=environ_of(embedded_aws))
    assert done.exit_code == 2
    assert f"Invalid value for '{command[-1]}': '{number}' is no finite number" in done.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_told_to_stop_while_it_looks_around_has_begun_nothing(
    embedded_aws: EmbeddedAws, tmp_path: Path, prefix: str, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    config = write_config(tmp_path, prefix)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for name, value in environ_of(embedded_aws).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "notifyd", "run", "-c", config]
        ) as process:
            silent.settimeout(30)
            with silent.accept()[0]:
                process.send_signal(number)
                assert process.wait(timeout=10) == 0
