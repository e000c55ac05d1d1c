"""The daemon's admin port, as a scraper and a probe see it: one, however many workers stand behind it."""

from __future__ import annotations

import http.client

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from bench.processes import BenchFailed, Process

_TIMEOUT_S = 10.0
_ANSWERS = "notifyd_deliveries_total"


class _Said(msgspec.Struct):
    """A line of the log. The one who serves says so: the process, or the supervisor of several."""

    event: str = ""
    workers: int = 1
    admin_port: int = 0


class _Worker(msgspec.Struct):
    shards: int


class _Page(msgspec.Struct):
    ready: bool
    shards_total: int
    workers: list[_Worker] = []


class Admin:
    def __init__(self, process: Process, workers: int) -> None:
        """`process` serves, or will in a moment."""
        self._process = process
        self._event = "started" if workers == 1 else "supervising"

    def shards(self) -> list[int]:
        """Of each worker; none, as long as one of them is not ready."""
        port = self._port()
        page = (
            msgspec.json.decode(_get(port, "/healthz"), type=_Page) if port else _Page(ready=False, shards_total=0)
        )
        if not page.ready:
            return []
        return [worker.shards for worker in page.workers] or [page.shards_total]

    def accepted(self) -> int:
        """Deliveries, by all workers together."""
        return accepted_of(_get(self._port(), "/metrics").decode())

    def _port(self) -> int:
        """0: it does not serve yet."""
        for line in self._process.log.read_bytes().splitlines():
            if line.startswith(b"{"):
                said = msgspec.json.decode(line, type=_Said)
                if said.event == self._event:
                    return said.admin_port
        return 0


def accepted_of(exposition: str) -> int:
    samples = (sample for family in text_string_to_metric_families(exposition) for sample in family.samples)
    return sum(
        int(sample.value)
        for sample in samples
        if sample.name == _ANSWERS and sample.labels["outcome"] == "accepted"
    )


def _get(port: int, path: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    except OSError as error:
        raise BenchFailed(f"the admin port {port} does not answer {path}: {error}") from error
    finally:
        connection.close()
