"""E-mail by SES, which answers after a set latency."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bench.workloads.workload import FIXTURES, Receiver, Site, Workload
from notifyd.core.channel import Channel


@contextmanager
def _ses(site: Site) -> Iterator[Receiver]:
    yield Receiver(site.sinks, {"ses": {"sender": "Bench <bench@bench.example>"}})


EMAIL = Workload(
    name="email",
    title="A change in a table becomes an e-mail, its row and a commit",
    channel=Channel.EMAIL,
    provider="ses",
    catalog=FIXTURES / "notifications.yaml",
    receiver=_ses,
)
