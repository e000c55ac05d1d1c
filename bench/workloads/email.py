"""E-mail by SES, which answers after a set latency."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from msgspec.structs import replace

from bench.options import Options
from bench.workloads.workload import FIXTURES, Contestant, Receiver, Site, Workload
from notifyd.core.channel import Channel


@contextmanager
def _ses(site: Site) -> Iterator[Receiver]:
    yield Receiver((site.sinks,), {"ses": {"sender": "Bench <bench@bench.example>"}})


EMAIL = Workload(
    name="email",
    title="A change in a table becomes an e-mail, its row and a commit",
    channel=Channel.EMAIL,
    provider="ses",
    catalog=FIXTURES / "notifications.yaml",
    receiver=_ses,
)
LARGE = replace(
    EMAIL,
    name="large",
    title="Events of 5 KB, a mail each",
    usual=Options(events=40_000, event_bytes=5_000, rate_per_s=2_000.0),
)
HOT_SHARD = replace(
    EMAIL,
    name="hot-shard",
    title="Nine of ten events on one of 20 shards",
    contestants=(Contestant.DAEMON,),
    # Kinesis takes 1,000 records a second and shard.
    usual=Options(events=60_000, hot_percent=90, rate_per_s=1_100.0),
)
