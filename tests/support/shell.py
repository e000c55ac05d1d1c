"""The command line in this process: each process of its own takes more than a second to import what it needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from click.testing import CliRunner

from notifyd.cli import cli
from notifyd.sandbox.embedded_aws import EmbeddedAws


class Ended(msgspec.Struct, frozen=True):
    exit_code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.out)


def notifyd_here(*args: object, environ: Mapping[str, str]) -> Ended:
    """`notifyd <args>`; it makes a loop of its own, so a test that has one calls this in a thread."""
    done = CliRunner().invoke(cli, [*map(str, args)], env=environ)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Ended(done.exit_code, done.stdout, done.stderr)


def environ_of(aws: EmbeddedAws) -> dict[str, str]:
    """Where an operator's variables lead to the embedded AWS, with `env:KEY` for a key."""
    return {
        "AWS_ENDPOINT_URL": aws.url,
        "AWS_REGION": aws.region,
        "AWS_ACCESS_KEY_ID": aws.access_key,
        "AWS_SECRET_ACCESS_KEY": aws.secret_key,
        "KEY": "a key that is long enough",
    }
