"""A key and a certificate for loopback."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from bench.processes import BenchFailed


def make_certificate(folder: Path) -> Path:
    """`server.crt`, beside it `server.key`. The certificate is its own authority."""
    openssl = shutil.which("openssl")
    if openssl is None:
        raise BenchFailed("TLS needs the openssl command, which is not on this machine")
    certificate = folder / "server.crt"
    command = [
        *(openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-days", "2", "-subj", "/CN=bench", "-addext", "subjectAltName=IP:127.0.0.1"),
        *("-keyout", str(folder / "server.key"), "-out", str(certificate)),
    ]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - a fixed command
    return certificate
