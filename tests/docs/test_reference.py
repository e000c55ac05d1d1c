"""docs/reference.md names what the code names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from notifyd.aws.blueprint import blueprint
from notifyd.cli import exit_codes
from notifyd.config_sections import AdminSection, ApiSection
from notifyd.core.account import account_names
from notifyd.core.channel import Channel
from notifyd.core.filter_criteria import SourceKind
from notifyd.core.log_row import RowKind
from notifyd.core.suppression import SuppressionReason
from notifyd.names import LogIndex, Names
from notifyd.telemetry.metrics import Metrics

_PAGE = Path(__file__).parents[2] / "docs" / "reference.md"


def _terms() -> Iterator[str]:
    names = Names("<prefix>")
    plan = blueprint(
        names,
        sources=[(SourceKind.KINESIS, names.events)],
        channels=[Channel.EMAIL],
        log_indexes=list(LogIndex),
        visibility_s=60,
        topic=names.alerts,
    )
    for table in plan.tables:
        yield table.name
        for key in (table.key, *(index.key for index in table.indexes)):
            yield from (f"{name}` {kind}" for name, kind in key)
        yield from (index.name for index in table.indexes)
    yield from (queue.name.replace("email", "<channel>") for queue in plan.queues)
    yield from plan.streams
    yield plan.topic
    yield from RowKind
    yield from SuppressionReason
    yield from (str(section.port) for section in (AdminSection(), ApiSection()))
    yield from (str(code) for name, code in vars(exit_codes).items() if name.isupper())


@pytest.fixture(scope="session")
def page() -> str:
    return _PAGE.read_text()


def test_every_name_is_in_the_reference(page: str) -> None:
    missing = [term for term in _terms() if not re.search(rf"(`|\| ){re.escape(term)}(?!\w)", page)]
    assert missing == []


def test_the_first_equation_has_the_codes_terms(page: str) -> None:
    assert f"read    = {' + '.join(account_names())}" in page


def test_every_metric_is_in_the_reference_with_its_labels(page: str) -> None:
    metrics = Metrics(CollectorRegistry(), version="1", providers={Channel.SMS: ["twilio"]}, sources=["orders"])
    told = dict(re.findall(r"^\| `(notifyd_\w+)` \| ([\w, ]*?) ?\| \w", page, re.MULTILINE))
    families = {
        f"{family.name}_total" if family.type == "counter" else family.name: family
        for family in text_string_to_metric_families(metrics.text().decode())
        if not family.name.endswith("_created")
    }
    assert told.keys() - families.keys() == {"notifyd_workers", "notifyd_worker_restarts_total"}
    assert families.keys() <= told.keys()
    for name, family in families.items():
        for sample in family.samples:
            assert set(filter(None, told[name].split(", "))) == sample.labels.keys() - {"le"}
