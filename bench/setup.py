"""What one measurement needs running: AWS's stand-ins and the receiver, on a core of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from bench.certificate import make_certificate
from bench.options import Cores, Options
from bench.pace import Pace
from bench.processes import Server
from bench.workloads.workload import Receiver, Site, Workload

PREFIX = "bench"
REGION = "eu-central-1"


class Surroundings(msgspec.Struct, frozen=True):
    """Where a contestant finds what it needs. `folder` is its own, for config and logs."""

    workload: Workload
    options: Options
    source: Server
    dynamodb: Server
    sinks: Server
    receiver: Receiver
    folder: Path
    ca_file: Path | None
    pace: Pace

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
        """AWS's stand-ins."""
        return self.source, self.dynamodb, self.sinks

    def pids(self) -> tuple[int, ...]:
        """Of all that serves."""
        return (*(server.pid for server in self.servers()), *self.receiver.pids)


@contextmanager
def surroundings(workload: Workload, options: Options, cores: Cores, folder: Path) -> Iterator[Surroundings]:
    ca_file = make_certificate(folder) if options.tls else None

    def server(module: str, *arguments: str) -> Server:
        return Server(module, arguments, core=cores.servers, folder=folder, tls=options.tls)

    source_arguments = [
        *("--name", f"{PREFIX}-events"),
        *("--shards", str(options.shards)),
        *("--users", str(options.users)),
        *("--event-bytes", str(options.event_bytes)),
        *("--hot-percent", str(options.hot_percent)),
        *("--detail-types", ",".join(workload.detail_types)),
    ]
    table_arguments = [
        *("--prefix", PREFIX),
        *("--users", str(options.users)),
        *("--people", msgspec.json.encode(workload.people).decode()),
    ]
    with (
        server("bench.servers.source", *source_arguments) as source,
        server("bench.servers.dynamodb", *table_arguments) as dynamodb,
        server("bench.servers.sinks", "--prefix", PREFIX, "--latency-ms", str(options.latency_ms)) as sinks,
        workload.receiver(Site(options, cores, folder, dynamodb, sinks)) as receiver,
        Pace(cores.contestant) as pace,
    ):
        yield Surroundings(workload, options, source, dynamodb, sinks, receiver, folder, ca_file, pace)
