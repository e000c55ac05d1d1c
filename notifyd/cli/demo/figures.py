"""What the daemon tells of itself while it works, from /metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress

import aiohttp
import msgspec
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

_PREFIX = "notifyd_"
_LATENCY = f"{_PREFIX}source_to_accepted_seconds_bucket"
_TIMEOUT = aiohttp.ClientTimeout(total=2)


class ChannelFigures(msgspec.Struct):
    accepted: int = 0
    suppressed: int = 0
    waiting: int = 0
    dead: int = 0


class Figures(msgspec.Struct):
    """One look. The quantiles are as fine as the histogram's buckets. `down`: providers whose breaker is open."""

    read: int = 0
    accepted: int = 0
    suppressed: dict[str, int] = {}
    waiting: int = 0
    malformed: int = 0
    dead: int = 0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    channels: dict[str, ChannelFigures] = {}
    down: list[str] = []


async def fetch_figures(http: aiohttp.ClientSession, admin_url: str) -> Figures | None:
    """None: it does not answer (yet, or any more)."""
    with suppress(aiohttp.ClientError, TimeoutError):
        async with http.get(f"{admin_url}/metrics", timeout=_TIMEOUT) as answer:
            return parse_figures(await answer.text())
    return None


def parse_figures(text: str) -> Figures:
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    def total(name: str, **labels: str) -> int:
        return int(
            sum(
                sample.value
                for sample in samples
                if sample.name == _PREFIX + name and labels.items() <= sample.labels.items()
            )
        )

    suppressed: Counter[str] = Counter()
    for sample in samples:
        if sample.name == f"{_PREFIX}deliveries_suppressed_total" and sample.value:
            suppressed[sample.labels["reason"]] += int(sample.value)
    buckets = _buckets(samples)
    return Figures(
        read=total("records_total"),
        accepted=total("deliveries_total", outcome="accepted"),
        suppressed=dict(suppressed),
        waiting=total("retry_queue_depth"),
        malformed=total("events_total", account="malformed"),
        dead=total("deliveries_dead_total"),
        p50_ms=_bucket_of(buckets, 0.5) * 1000,
        p99_ms=_bucket_of(buckets, 0.99) * 1000,
        channels={
            channel: ChannelFigures(
                accepted=total("deliveries_total", outcome="accepted", channel=channel),
                suppressed=total("deliveries_suppressed_total", channel=channel),
                waiting=total("retry_queue_depth", channel=channel),
                dead=total("deliveries_dead_total", channel=channel),
            )
            for channel in _label_values(samples, "retry_queue_depth", "channel")
        },
        down=[
            sample.labels["provider"]
            for sample in samples
            if sample.name == f"{_PREFIX}provider_up" and not sample.value
        ],
    )


def _label_values(samples: Iterable[Sample], name: str, label: str) -> list[str]:
    return [sample.labels[label] for sample in samples if sample.name == _PREFIX + name]


def _buckets(samples: Iterable[Sample]) -> dict[float, float]:
    """Cumulative counts by upper bound in seconds."""
    counts: dict[float, float] = {}
    for sample in samples:
        if sample.name == _LATENCY:
            bound_s = float(sample.labels["le"])
            counts[bound_s] = counts.get(bound_s, 0.0) + sample.value
    return dict(sorted(counts.items()))


def _bucket_of(buckets: dict[float, float], fraction: float) -> float:
    """The upper bound of the bucket that holds the quantile; 0 while there is none."""
    count = max(buckets.values(), default=0.0)
    return next((bound_s for bound_s, below in buckets.items() if count and below >= fraction * count), 0.0)
