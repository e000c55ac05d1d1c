"""The expositions of several workers as one.

Counters and histograms only ever rise, though workers come and go: what a worker said last stays in the sum
while it is silent and after it has ended. A sum that fell would be a counter's reset to Prometheus, and its next
rise an increase that never was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from notifyd.telemetry.metrics import NOT_SUMMED

# Name of the sample, and its labels in the order in which they were written.
Series = tuple[str, tuple[tuple[str, str], ...]]
_RISING = frozenset({"counter", "histogram"})


class Family(msgspec.Struct):
    """`kind`: Prometheus' type of it, in lower case."""

    name: str
    text: str
    kind: str
    values: dict[Series, float]


Families = dict[str, Family]


def read_exposition(text: str) -> Families:
    """Without `…_created`: when a series began is a matter of one process.

    Raises:
        ValueError: it is no exposition.
    """
    return {
        metric.name: Family(
            metric.name,
            metric.documentation,
            metric.type,
            {(sample.name, tuple(sample.labels.items())): sample.value for sample in metric.samples},
        )
        for metric in text_string_to_metric_families(text)
        if not metric.name.endswith("_created")
    }


class MergedMetrics:
    """`merge` is given what each process said, by a key that no other process ever has; None: it was silent."""

    def __init__(self) -> None:
        self._ended: Families = {}
        self._last: dict[tuple[int, int], Families] = {}

    def merge(self, said: Mapping[tuple[int, int], Families | None]) -> Families:
        for key in self._last.keys() - said.keys():
            _add(self._ended, _rising(self._last.pop(key)))
        merged: Families = {}
        _add(merged, self._ended)
        for key, families in said.items():
            if families is not None:
                self._last[key] = families
                _add(merged, families)
            else:
                _add(merged, _rising(self._last.get(key, {})))
        return merged


def exposition(families: Families, more: Iterable[Metric]) -> bytes:
    """In Prometheus's text format."""
    registry = CollectorRegistry()
    registry.register(_Ready([*map(_metric, families.values()), *more]))
    return generate_latest(registry)


class _Ready(Collector):
    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics


def _rising(families: Families) -> Families:
    return {name: family for name, family in families.items() if family.kind in _RISING}


def _add(to: Families, families: Families) -> None:
    for name, family in families.items():
        there = to.get(name)
        if there is None:
            to[name] = msgspec.structs.replace(family, values=dict(family.values))
            continue
        values = there.values
        for series, value in family.values.items():
            known = values.get(series)
            if known is None:
                values[series] = value
            else:
                values[series] = max(known, value) if name in NOT_SUMMED else known + value


def _metric(family: Family) -> Metric:
    metric = Metric(family.name, family.text, family.kind)
    for (name, labels), value in family.values.items():
        metric.add_sample(name, dict(labels), value)
    return metric
