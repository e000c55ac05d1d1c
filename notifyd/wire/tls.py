"""The one place that makes a client's SSLContext."""

from __future__ import annotations

import ssl
from pathlib import Path


def client_context(ca_file: Path | None = None, *, certificate: Path | None = None) -> ssl.SSLContext:
    """Verifies host and chain; TLS ≥ 1.2, so 1.3 wherever the other side has it.

    `ca_file` is trusted instead of the system's roots: who names one means that one. `certificate` (PEM, with its
    key) is shown to a server that asks who we are. OSError where a file cannot be read or is none of that.
    """
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate is not None:
        # With no answer of ours to the question for a password, OpenSSL would ask at the terminal.
        context.load_cert_chain(certificate, password=_no_password)
    return context


def _no_password() -> str:
    return ""
