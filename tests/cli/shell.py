"""The command line against the embedded AWS."""

from __future__ import annotations

import asyncio
from pathlib import Path

from notifyd.sandbox.embedded_aws import EmbeddedAws
from tests.support.shell import environ_of, notifyd_here

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
        self._environ = environ_of(embedded_aws)

    async def __call__(self, *args: str) -> tuple[int, str, str]:
        """Exit code, stdout, stderr of `notifyd <args> -c <the config>`."""
        ended = await asyncio.to_thread(notifyd_here, *args, "-c", self._config, environ=self._environ)
        return ended.exit_code, ended.out, ended.err
