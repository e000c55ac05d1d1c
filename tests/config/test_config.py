"""Every fault of a config is found, at its place, with its value and its mend."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from notifyd.config import Config, load_config
from notifyd.config_env import overlay
from notifyd.core.channel import Channel
from notifyd.core.filter_criteria import SourceKind, compile_filter_criteria
from notifyd.core.policy import DeliveryMode
from notifyd.core.sequence import AtTimestamp, Latest, TrimHorizon
from notifyd.errors import ConfigError
from notifyd.names import LogIndex
from notifyd.providers import PROVIDERS
from notifyd.secret_ref import SecretRef, SecretScheme, read_local_secret, secret_refs
from tests.support.config_file import faults, load


def test_the_shipped_config_loads_and_sends_nothing() -> None:
    config = load_config(Path("config/notifyd.yaml"), {})
    assert config.delivery.mode is DeliveryMode.DRY_RUN
    assert [config.source_name(source) for source in config.sources] == ["notifyd-events"]


def test_the_examples_in_the_shipped_config_are_right_together(tmp_path: Path) -> None:
    text = Path("config/notifyd.yaml").read_text()
    examples = re.compile(rf"^  # (?=({'|'.join({*Channel, *PROVIDERS})}): {{)", re.MULTILINE)
    path = tmp_path / "notifyd.yaml"
    path.write_text(examples.sub("  ", text))
    config = load_config(path, {})
    assert set(config.channels) == set(Channel)
    assert config.channels[Channel.SMS].weights == {"sns_sms": 50, "twilio": 50}


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    found = faults(
        tmp_path,
        {"NOTIFYD_RETRY__WORKERS": "many", "NOTIFYD_LEDGR__SLOTS_MAX": "1"},
        log="log: {ttl_days: 1}",
        api="apy: {}",
    )
    assert [fault.partition(":")[0] for fault in found] == [
        "NOTIFYD_LEDGR__SLOTS_MAX",
        "NOTIFYD_RETRY__WORKERS",
        "notifyd.yaml",
        "notifyd.yaml",
    ]


def test_a_missing_file_is_a_fault_of_the_config(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: cannot be read: No such file or directory"):
        load_config(tmp_path / "none.yaml", {})


@pytest.mark.parametrize("text", ["", "- a", "just text"])
def test_a_file_without_sections_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "notifyd.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match="is not a mapping of sections"):
        load_config(path, {})


def test_the_environment_overrides_any_key(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        {
            "NOTIFYD_PREFIX": "shop",
            "NOTIFYD_SOURCES__0__BATCH_SIZE": "17",
            "NOTIFYD_SOURCES__1__KIND": "kinesis",
            "NOTIFYD_LOG__INDEXES": '["user", "position"]',
            "NOTIFYD_DELIVERY__MODE": "redirect",
            "NOTIFYD_DELIVERY__REDIRECT_TO__EMAIL": "me@example.com",
            "NOTIFYD_PROVIDERS__SES__CONFIGURATION_SET": "main",
            "NOTIFYD_IDENTITY__KEYS__0__SECRET": "ssm:/key",
            "NOTIFYD_AWS__REGION": "",
            "NOTIFYD_SERVICE_HOST": "10.0.0.1",
            "PATH": "/bin",
        },
        aws="aws: {region: eu-west-1}",
    )
    assert config.names.log == "shop-log"
    assert [(source.kind, source.batch_size) for source in config.sources] == [
        (SourceKind.DYNAMODB, 17),
        (SourceKind.KINESIS, 1000),
    ]
    assert config.log.indexes == (LogIndex.USER, LogIndex.POSITION)
    assert config.delivery.redirect_to == {Channel.EMAIL: "me@example.com"}
    assert config.provider("ses").model_dump()["configuration_set"] == "main"
    assert config.identity.keys[0].secret == SecretRef(SecretScheme.SSM, "/key")
    assert config.aws.region == "eu-west-1"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("NOTIFYD_SOURCES__0", '{"kind": "kinesis", "filter_criteria": [{"data": {"type": ["paid"]}}]}'),
        ("NOTIFYD_SOURCES__0__FILTER_CRITERIA", '[{"data": {"type": ["paid"]}}]'),
        ("NOTIFYD_SOURCES__0__FILTER_CRITERIA", '{"data": {"type": ["paid"]}}'),
        ("NOTIFYD_SOURCES__0__FILTER_CRITERIA__0", '{"data": {"type": ["paid"]}}'),
    ],
)
def test_whole_lists_and_mappings_inside_a_list_are_taken_as_json(
    tmp_path: Path, variable: str, value: str
) -> None:
    config = load(tmp_path, {variable: value}, sources="sources: [{kind: kinesis}]")
    assert config.sources[0].filter_criteria == ({"data": {"type": ["paid"]}},)


def test_an_entry_past_the_end_of_a_list_is_refused_with_its_variable(tmp_path: Path) -> None:
    told = "NOTIFYD_SOURCES__5__KIND: there is no sources[4] before it; the next one is sources[1]"
    assert faults(tmp_path, {"NOTIFYD_SOURCES__5__KIND": "kinesis"}) == [told]
    assert len(load(tmp_path, {"NOTIFYD_SOURCES__1__KIND": "kinesis"}).sources) == 2


def test_a_variable_that_is_empty_sets_nothing_and_is_not_to_blame(tmp_path: Path) -> None:
    [fault] = faults(tmp_path, {"NOTIFYD_LOG__TTL_DAYS": ""}, log="log: {ttl_days: 1}")
    assert fault.startswith("notifyd.yaml:5: log.ttl_days is 1")


def test_a_wrong_variable_is_named_in_the_fault(tmp_path: Path) -> None:
    found = faults(tmp_path, {"NOTIFYD_LOG__INDEXES": "[user", "NOTIFYD_SOURCES__0__KIND": "sqs"})
    assert sorted(found) == [
        "NOTIFYD_LOG__INDEXES: log.indexes is not a list; make it a list",
        "NOTIFYD_SOURCES__0__KIND: sources[0].kind is 'sqs'; it should be 'dynamodb' or 'kinesis'",
    ]


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("LATEST", Latest()),
        ("TRIM_HORIZON", TrimHorizon()),
        ("2026-01-31T00:00:00Z", AtTimestamp(1769817600.0)),
        ('"2026-01-31T01:00:00+01:00"', AtTimestamp(1769817600.0)),
    ],
)
def test_a_starting_position_is_a_word_or_a_time(tmp_path: Path, text: str, start: object) -> None:
    config = load(tmp_path, sources=f"sources: [{{kind: kinesis, starting_position: {text}}}]")
    assert config.sources[0].starting_position == start


def test_a_time_without_its_zone_is_refused(tmp_path: Path) -> None:
    found = faults(tmp_path, sources="sources: [{kind: kinesis, starting_position: 2026-01-31T00:00:00}]")
    assert found[0].startswith(
        "notifyd.yaml:1: sources[0].starting_position is '2026-01-31 00:00:00'; write LATEST"
    )


@pytest.mark.parametrize(
    "text",
    [
        "[{eventName: [INSERT]}]",
        "{eventName: [INSERT]}",
        """{Filters: [{Pattern: '{"eventName": ["INSERT"]}'}]}""",
    ],
)
def test_filter_criteria_are_taken_as_patterns_or_as_lambda_has_them(tmp_path: Path, text: str) -> None:
    config = load(tmp_path, sources=f"sources: [{{kind: dynamodb, filter_criteria: {text}}}]")
    assert config.sources[0].filter_criteria == ({"eventName": ["INSERT"]},)


@pytest.mark.parametrize(
    ("source", "dedupes"),
    [
        ("{kind: kinesis}", True),
        ("{kind: kinesis, dedupe: off}", False),
        ("{kind: kinesis, dedupe: 'off'}", False),
        ("{kind: dynamodb}", True),
        ("{kind: dynamodb, filter_criteria: [{eventName: [INSERT]}]}", False),
        ("{kind: dynamodb, filter_criteria: [{eventName: [INSERT]}], dedupe: on}", True),
        ("{kind: dynamodb, filter_criteria: [{eventName: [INSERT, MODIFY]}]}", True),
        ("{kind: kinesis, format: json, event_id: detail.id, dedupe: on}", True),
    ],
)
def test_every_source_dedupes_but_one_that_lets_inserts_alone_through(
    tmp_path: Path, source: str, dedupes: bool
) -> None:
    [section] = load(tmp_path, sources=f"sources: [{source}]").sources
    criteria = section.filter_criteria
    inserts_only = bool(criteria) and compile_filter_criteria(criteria, section.kind).inserts_only
    assert section.dedupes(inserts_only=inserts_only) is dedupes


def test_a_secret_written_in_place_of_its_reference_is_never_repeated(tmp_path: Path) -> None:
    (found,) = faults(tmp_path, identity='identity: {keys: [{version: "1", secret: hunter2}]}')
    assert found.startswith("notifyd.yaml:2: identity.keys[0].secret is no reference to a secret")
    assert "hunter2" not in found


def test_every_secret_of_a_config_is_found(tmp_path: Path) -> None:
    assert set(secret_refs(load(tmp_path))) == {SecretRef(SecretScheme.ENV, "KEY")}


@given(
    ref=st.builds(
        SecretRef,
        scheme=st.just(SecretScheme.SECRETS_MANAGER),
        name=st.text(min_size=1).filter(lambda name: "#" not in name),
        json_key=st.text(),
    )
    | st.builds(
        SecretRef,
        scheme=st.sampled_from([SecretScheme.ENV, SecretScheme.FILE, SecretScheme.SSM]),
        name=st.text(min_size=1),
    )
)
def test_a_reference_reads_back_as_it_was_written(ref: SecretRef) -> None:
    assert SecretRef.parse(str(ref)) == ref


def test_a_local_secret_is_read_and_stays_out_of_sight(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("s3cret\n")
    for ref in (SecretRef.parse(f"file:{tmp_path}/key"), SecretRef.parse("env:KEY")):
        secret = read_local_secret(ref, {"KEY": "s3cret"})
        assert secret == SecretStr("s3cret")
        assert "s3cret" not in repr(secret)


@pytest.mark.parametrize("reference", ["env:NONE", "file:/nowhere/none"])
def test_a_local_secret_that_is_not_there_is_a_fault(reference: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_local_secret(SecretRef.parse(reference), {})
    assert [fault.where for fault in caught.value.faults] == [reference]


def test_the_schema_names_every_section_and_describes_its_keys() -> None:
    schema = Config.model_json_schema()
    assert set(schema["properties"]) == set(Config.model_fields)
    assert schema["additionalProperties"] is False
    assert set(schema["$defs"]["ProvidersSection"]["properties"]) == set(PROVIDERS)
    assert schema["$defs"]["LedgerSection"]["properties"]["slots_max"]["description"].startswith(
        "Deliveries begun"
    )


def test_a_config_cannot_be_changed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        load(tmp_path).delivery.mode = DeliveryMode.SEND


_leaves = st.integers() | st.text(max_size=3)
_trees = st.recursive(
    _leaves, lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3), max_leaves=9
)


@given(base=_trees, over=_trees)
def test_an_overlay_keeps_what_it_does_not_name(base: object, over: object) -> None:
    merged = overlay(base, over)
    assert overlay(merged, over) == merged
    if isinstance(base, dict) and isinstance(over, dict):
        assert set(merged) == set(base) | set(over)
        assert all(merged[key] == base[key] for key in set(base) - set(over))
