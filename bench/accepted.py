"""What the receivers' counters say, put together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Self

import msgspec

from bench.figures import Latency


class Accepted(msgspec.Struct, frozen=True):
    """`accepted`, `last_accepted_s` and `latencies` (how many took so many ms) are of the window, the rest of all
    time. Who cannot tell when an event was produced has no latencies.
    """

    accepted: int
    unique: int
    duplicates: int
    bad_ids: int
    last_accepted_s: float
    latencies: dict[int, int] = {}
    connections: int = 0

    @classmethod
    def of(cls, said: Iterable[dict[str, Any]]) -> Self:
        told = [msgspec.convert(one, cls, str_keys=True) for one in said]
        latencies: Counter[int] = Counter()
        for one in told:
            latencies.update(one.latencies)
        return cls(
            accepted=sum(one.accepted for one in told),
            unique=sum(one.unique for one in told),
            duplicates=sum(one.duplicates for one in told),
            bad_ids=sum(one.bad_ids for one in told),
            last_accepted_s=max(one.last_accepted_s for one in told),
            latencies=latencies,
            connections=sum(one.connections for one in told),
        )

    @property
    def latency(self) -> Latency:
        return Latency(*(_quantile(self.latencies, fraction) for fraction in (0.5, 0.95, 0.99)))


def _quantile(counts: dict[int, int], fraction: float) -> float:
    below = int(sum(counts.values()) * fraction)
    for value in sorted(counts):
        below -= counts[value]
        if below < 0:
            return float(value)
    return 0.0
