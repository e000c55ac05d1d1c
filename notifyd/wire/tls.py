"""The one place that makes a client's SSLContext."""

from __future__ import annotations

import ssl
from pathlib import Path


def client_context(ca_file: Path | None = None) -> ssl.SSLContext:
    """Verifies host and chain; TLS ≥ 1.2, so 1.3 wherever the other side has it.

    `ca_file` is trusted instead of the system's roots: who names one means that one.
    """
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
