"""What one measurement needs running: three servers on one core, and the contestant's surroundings."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from bench.processes import BenchFailed, Server

PREFIX = "bench"
REGION = "eu-central-1"


class Options(msgspec.Struct, frozen=True):
    """Of a run: `events` are measured saturated, then `rate_per_s` for `paced_s` seconds for the latency."""

    events: int = 100_000
    shards: int = 20
    users: int = 10_000
    event_bytes: int = 600
    latency_ms: float = 50.0
    rate_per_s: float = 5_000.0
    paced_s: float = 10.0
    peer_events: int = 20_000
    peer_rate_per_s: float = 1_000.0
    tls: bool = False
    profile: Path | None = None


class Cores(msgspec.Struct, frozen=True):
    """None: the machine has one core, or none can be chosen; the figures then hold what the servers took."""

    contestant: int | None
    servers: int | None


class Surroundings(msgspec.Struct, frozen=True):
    """Where a contestant finds what it needs. `folder` is its own, for config and logs."""

    source: Server
    dynamodb: Server
    sinks: Server
    folder: Path
    ca_file: Path | None

    def environment(self) -> dict[str, str]:
        """All of it: nothing of the machine's own AWS settings gets through."""
        scheme = "http" if self.ca_file is None else "https"
        variables = {
            "HOME": str(self.folder),
            "AWS_ACCESS_KEY_ID": "AKIDBENCH",
            "AWS_SECRET_ACCESS_KEY": "bench",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": f"{scheme}://{self.sinks.address}",
            "AWS_ENDPOINT_URL_KINESIS": f"{scheme}://{self.source.address}",
            "AWS_ENDPOINT_URL_DYNAMODB_STREAMS": f"{scheme}://{self.source.address}",
            "AWS_ENDPOINT_URL_DYNAMODB": f"{scheme}://{self.dynamodb.address}",
        }
        if self.ca_file is not None:
            variables["AWS_CA_BUNDLE"] = str(self.ca_file)
        return variables

    def servers(self) -> tuple[Server, ...]:
        return self.source, self.dynamodb, self.sinks


def choose_cores() -> Cores:
    if not hasattr(os, "sched_getaffinity"):
        return Cores(None, None)
    usable = sorted(os.sched_getaffinity(0))
    return Cores(usable[0], usable[1]) if len(usable) > 1 else Cores(None, None)


@contextmanager
def surroundings(options: Options, cores: Cores, folder: Path) -> Iterator[Surroundings]:
    ca_file = make_certificate(folder) if options.tls else None

    def server(module: str, *arguments: str) -> Server:
        return Server(module, arguments, core=cores.servers, folder=folder, tls=options.tls)

    source_arguments = [
        *("--name", f"{PREFIX}-events"),
        *("--shards", str(options.shards)),
        *("--users", str(options.users)),
        *("--event-bytes", str(options.event_bytes)),
    ]
    with (
        server("bench.servers.source", *source_arguments) as source,
        server("bench.servers.dynamodb", "--prefix", PREFIX) as dynamodb,
        server("bench.servers.sinks", "--prefix", PREFIX, "--latency-ms", str(options.latency_ms)) as sinks,
    ):
        yield Surroundings(source, dynamodb, sinks, folder, ca_file)


def make_certificate(folder: Path) -> Path:
    """A key and a certificate for loopback; the certificate is its own authority."""
    openssl = shutil.which("openssl")
    if openssl is None:
        raise BenchFailed("--tls needs the openssl command, which is not on this machine")
    certificate = folder / "server.crt"
    command = [
        *(openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-days", "2", "-subj", "/CN=bench", "-addext", "subjectAltName=IP:127.0.0.1"),
        *("-keyout", str(folder / "server.key"), "-out", str(certificate)),
    ]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - a fixed command
    return certificate
