"""`notifyd run`."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import socket
from types import FrameType
from typing import TYPE_CHECKING, NoReturn

import click

from notifyd.cli.command import Command
from notifyd.cli.exit_codes import CONFIG, INTERNAL
from notifyd.cli.setup import config_option, read_config

if TYPE_CHECKING:
    from notifyd.config import Config


@click.command(
    cls=Command,
    examples=[
        "notifyd run",
        "NOTIFYD_DELIVERY__MODE=send notifyd run -c /etc/notifyd/notifyd.yaml",
        "NOTIFYD_WORKERS=auto notifyd run",
    ],
    exits={
        0: "drained, or told to stop before anything was begun",
        CONFIG: "config, or what it names: one line a fault on stderr",
        INTERNAL: "its own fault, AWS away at the start, or a worker that did not drain in time",
    },
)
@config_option
@click.option("--admin-socket", type=int, hidden=True, help="A supervisor's: where its worker serves its pages.")
@click.pass_context
def run(ctx: click.Context, config_path: Path, admin_socket: int | None) -> None:
    """Work until SIGTERM or SIGINT, then drain.

    Does not start where `notifyd check` finds a fault in the config or in what it names.
    """
    with _nothing_begun():
        config = read_config(config_path)
        if admin_socket is not None:
            _work(config, admin_socket)
            return
        _check(config)
        count = _worker_count(config)
        if count > 1:
            ctx.exit(_supervise(config, config_path, count))
        from notifyd.app import run as run_app

        run_app(config)


@contextmanager
def _nothing_begun() -> Iterator[None]:
    """Until a loop has handlers of its own. As a container's first process it would not even be ended by a signal
    that nobody handles: the stop would be lost, and a kill would follow in the middle of the sends.
    """

    def end(_number: int, _frame: FrameType | None) -> NoReturn:
        sys.exit(0)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _check(config: Config) -> None:
    """Once for all workers: streams may be described ten times a second, by all there are together."""
    from notifyd.cli.check import preflight
    from notifyd.errors import ConfigError

    if faults := asyncio.run(preflight(config)):
        raise ConfigError(faults)


def _worker_count(config: Config) -> int:
    from notifyd.cores import usable_cores

    return usable_cores() if config.workers == "auto" else config.workers


def _supervise(config: Config, config_path: Path, count: int) -> int:
    from notifyd.supervisor import supervise

    # -P: what lies in the folder that it is started from is no module of ours.
    command = [sys.executable, "-P", "-m", "notifyd", "run", "--config", str(config_path), "--admin-socket"]
    codes = set(supervise(config, count, command, final_codes=frozenset({CONFIG})))
    if CONFIG in codes:
        return CONFIG
    return INTERNAL if codes - {0} else 0


def _work(config: Config, admin_socket: int) -> None:
    from notifyd.app import run as run_app
    from notifyd.lifeline import drain_with_parent
    from notifyd.supervisor_worker import DRAIN_MARGIN_S

    drain_with_parent(config.delivery.drain_timeout_s + DRAIN_MARGIN_S, INTERNAL)
    with socket(fileno=admin_socket) as listening:
        run_app(config, listening)
