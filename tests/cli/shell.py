"""The command line in a process of its own, against the embedded AWS."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

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
            "PATH": "/usr/bin:/bin",
            "AWS_ENDPOINT_URL": embedded_aws.url,
            "AWS_REGION": embedded_aws.region,
            "AWS_ACCESS_KEY_ID": embedded_aws.access_key,
            "AWS_SECRET_ACCESS_KEY": embedded_aws.secret_key,
            "KEY": "a key that is long enough",
        }

    async def __call__(self, *args: str) -> tuple[int, str, str]:
        """Exit code, stdout, stderr of `notifyd <args> -c <the config>`."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "notifyd", *args, "-c", str(self._config)),
            env=self._environ,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, error = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode is not None
        return process.returncode, out.decode(), error.decode()
