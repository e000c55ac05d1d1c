"""What is wrong with a config is told with its place, its value and its mend."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel, ValidationError

from notifyd.catalog_file import CatalogFile
from notifyd.config import Config
from tests.support.config_file import faults


@pytest.mark.parametrize(
    ("section", "text", "fault"),
    [
        ("ledgr", "ledgr: {}", "notifyd.yaml:5: unknown key 'ledgr'; write 'ledger'"),
        ("log", "log: {ttl_day: 20}", "notifyd.yaml:5: unknown key 'log.ttl_day'; write 'ttl_days'"),
        (
            "alerts",
            "alerts: {xyz: 1}",
            "notifyd.yaml:5: unknown key 'alerts.xyz'; known here: fold_s, topic",
        ),
        (
            "log",
            "log:\n  flush_ms: 5\n  ttl_days: 3",
            "notifyd.yaml:7: log.ttl_days is 3; it should be greater than or equal to 14",
        ),
        (
            "log",
            "log: {indexes: [user, place]}",
            "notifyd.yaml:5: log.indexes[1] is 'place'; it should be 'user', 'delivery' or 'position'",
        ),
        ("admin", "admin: 8081", "notifyd.yaml:5: admin is not a mapping; make it a mapping"),
        ("sources", "sources: []", "notifyd.yaml:1: sources is empty; add an entry"),
        ("sources", "sources: [{name: x}]", "notifyd.yaml:1: sources[0].kind is missing; add it"),
        (
            "sources",
            "sources: [{kind: dynamodb, batch_sise: 5}]",
            "notifyd.yaml:1: unknown key 'sources[0].batch_sise'; write 'batch_size'",
        ),
        (
            "sources",
            "sources: [{kind: dynamodb, batch_size: 2000}]",
            "notifyd.yaml:1: sources[0].batch_size is 2000; DynamoDB Streams reads at most 1000",
        ),
        (
            "sources",
            "sources: [{kind: kinesis, starting_position: EARLIEST}]",
            (
                "notifyd.yaml:1: sources[0].starting_position is 'EARLIEST'; "
                "write LATEST, TRIM_HORIZON or a time with its zone: 2026-01-31T00:00:00Z"
            ),
        ),
        (
            "sources",
            "sources: [{kind: kinesis}, {kind: kinesis, name: notifyd-events}]",
            "notifyd.yaml:1: sources[1] is kinesis notifyd-events again; keep one of them",
        ),
        (
            "sources",
            "sources: [{kind: dynamodb, filter_criteria: [{eventNam: [INSERT]}]}]",
            (
                "notifyd.yaml:1: sources[0].filter_criteria[0].eventNam is 'INSERT'; "
                "a dynamodb record has only these fields at its top: awsRegion, dynamodb, eventID, eventName"
            ),
        ),
        (
            "sources",
            "sources: [{kind: kinesis, dedupe: maybe}]",
            "notifyd.yaml:1: sources[0].dedupe is 'maybe'; it should be 'auto', 'on' or 'off'",
        ),
        (
            "sources",
            "sources: [{kind: kinesis, format: json, dedupe: on}]",
            (
                "notifyd.yaml:1: sources[0].dedupe is 'on', and no event of format 'json' has an id of its own; "
                "name it in event_id, or leave dedupe out"
            ),
        ),
        (
            "ledger",
            "ledger: {failover_time_s: 14}",
            "notifyd.yaml:5: ledger.failover_time_s is 14; make it ≥ 15: send_timeout_s + 1 + 3 ×",
        ),
        (
            "ledger",
            "ledger: {scan_interval_s: 8}",
            "notifyd.yaml:5: ledger.scan_interval_s is 8; make it ≤ 3.75: a quarter of failover_time_s",
        ),
        (
            "delivery",
            "delivery: {send_timeout_s: 30}\nledger: {failover_time_s: 60}",
            "notifyd.yaml: retry.visibility_s is 60; make it ≥ 62: twice send_timeout_s + 1",
        ),
        (
            "delivery",
            "delivery: {send_timeout_s: .inf}",
            "notifyd.yaml:5: delivery.send_timeout_s is inf; it should be a finite number",
        ),
        (
            "channels",
            "channels: {email: {providers: {ses: .nan}}}",
            "notifyd.yaml:3: channels.email.providers.ses is nan; it should be a finite number",
        ),
        (
            "delivery",
            "delivery: {mode: redirect}",
            (
                "notifyd.yaml:5: delivery.mode is 'redirect', and redirect_to has no address for email; "
                "set delivery.redirect_to.email"
            ),
        ),
        (
            "delivery",
            "delivery: {backoff_base_s: 9, backoff_max_s: 5}",
            "notifyd.yaml:5: delivery.backoff_max_s is 5; make it ≥ backoff_base_s, 9",
        ),
        (
            "channels",
            "channels: {email: {provider: sess}}",
            "notifyd.yaml:3: channels.email.provider is 'sess'; write 'ses'",
        ),
        (
            "channels",
            "channels: {sms: {provider: ses}}",
            "notifyd.yaml:3: channels.sms.provider is 'ses', which delivers email; name a provider of sms",
        ),
        (
            "channels",
            "channels: {email: {provider: [ses]}}",
            "notifyd.yaml:3: channels.email.provider is list; it should be a valid string",
        ),
        ("providers", "", "notifyd.yaml: providers.ses.sender is missing; add it"),
        (
            "identity",
            "identity: {keys: [{version: 1, secret: env:A}, {version: 1, secret: env:B}]}",
            "notifyd.yaml:2: identity.keys[1] is version '1' again; keep one of them",
        ),
        ("api", "api: {enabled: true}", "notifyd.yaml:5: api.enabled is True; it should be False"),
        (
            "templates",
            "templates: {folder: here, s3: s3://there}",
            "notifyd.yaml:5: templates.s3 is 's3://there' beside folder 'here'; keep one of the two",
        ),
        (
            "prefix",
            "prefix: a\nprefix: b",
            "notifyd.yaml:6: prefix stands here again, first on line 5; keep one of them",
        ),
        ("prefix", "prefix: [", "notifyd.yaml:5: no YAML: expected the node content, but found '<stream end>'; "),
    ],
)
def test_a_fault_is_told_with_place_value_and_mend(tmp_path: Path, section: str, text: str, fault: str) -> None:
    found = faults(tmp_path, None, **{section: text})
    assert len(found) == 1
    assert found[0].startswith(fault)


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    """With all that it holds, sections in sections."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from _models(field.annotation)
    for inner in get_args(annotation):
        yield from _models(inner)


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
@pytest.mark.parametrize(
    ("model", "key"),
    [
        pytest.param(model, key, id=f"{model.__name__}.{key}")
        for model in (*_models(Config), *_models(CatalogFile))
        for key in model.model_fields
        if not model.model_config.get("coerce_numbers_to_str")
    ],
)
def test_no_key_of_config_or_catalog_takes_a_number_without_an_end(
    model: type[BaseModel], key: str, number: float
) -> None:
    with pytest.raises(ValidationError) as refused:
        model.model_validate({key: number})
    assert any(fault["loc"][:1] == (key,) for fault in refused.value.errors())
