"""The command line against the embedded AWS, in this process: each process of its own takes seconds to import."""

from __future__ import annotations

import asyncio
from pathlib import Path

from click.testing import CliRunner

from notifyd.cli import cli
from notifyd.cli.exit_codes import CONFIG
from notifyd.errors import ConfigError
from notifyd.sandbox.embedded_aws import EmbeddedAws

_CONFIG = """
prefix: {prefix}
sources: [{{kind: kinesis}}]
channels: {{email: {{providers: {{ses: 70, smtp: 30}}}}}}
providers:
  ses: {{sender: "Shop <shop@{prefix}.example>"}}
  smtp: {{base_url: "smtp://127.0.0.1:2525", sender: a@b.example}}
identity: {{keys: [{{version: "1", secret: env:KEY}}]}}
catalog: {catalog}
"""
_CATALOG = Path(__file__).parents[2] / "config" / "notifications.yaml"


def write_config(folder: Path, prefix: str) -> Path:
    config = folder / "notifyd.yaml"
    config.write_text(_CONFIG.format(prefix=prefix, catalog=_CATALOG))
    return config


class Shell:
    def __init__(self, embedded_aws: EmbeddedAws, config: Path) -> None:
        self._config = config
        self._environ = {
            "AWS_ENDPOINT_URL": embedded_aws.url,
            "AWS_REGION": embedded_aws.region,
            "AWS_ACCESS_KEY_ID": embedded_aws.access_key,
            "AWS_SECRET_ACCESS_KEY": embedded_aws.secret_key,
            "KEY": "a key that is long enough",
        }

    async def __call__(self, *args: str) -> tuple[int, str, str]:
        """Exit code, stdout, stderr of `notifyd <args> -c <the config>`."""
        return await asyncio.to_thread(self._run, *args)

    def _run(self, *args: str) -> tuple[int, str, str]:
        done = CliRunner().invoke(cli, [*args, "-c", str(self._config)], env=self._environ)
        if isinstance(done.exception, ConfigError):
            said = [f"{fault.where}: {fault.what}; {fault.mend}" for fault in done.exception.faults]
            return CONFIG, done.stdout, "\n".join(said)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.stdout, done.stderr
