"""The template makes what `notifyd init` makes, and lets the process do no more than it has to."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import yaml

from notifyd.aws.blueprint import (
    RECEIVES_MAX,
    RETENTION_S,
    Queue,
    Table,
    attribute_definitions,
    blueprint,
    key_schema,
    secondary_index,
)
from notifyd.aws.tables import STREAM
from notifyd.config_sections import LogSection, RetrySection
from notifyd.core.channel import Channel
from notifyd.core.filter_criteria import SourceKind
from notifyd.names import Names

# What AWS lets nobody narrow down.
_WITHOUT_RESOURCE = {
    "ses:GetAccount",
    "sns:GetSMSAttributes",
    "sns:GetSMSSandboxAccountStatus",
    "sns:ListTopics",
}
# Of every deployment.
_UNCONDITIONAL = {Channel.EMAIL, None}


class _Loader(yaml.SafeLoader):
    """Reads `!Sub x` as {"!Sub": x}."""


def _tagged(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    match node:
        case yaml.ScalarNode():
            return {f"!{suffix}": loader.construct_scalar(node)}
        case yaml.SequenceNode():
            return {f"!{suffix}": loader.construct_sequence(node, deep=True)}
        case _:
            raise TypeError(f"{node.start_mark}: !{suffix} over a mapping")


_Loader.add_multi_constructor("!", _tagged)


@pytest.fixture(scope="session")
def resources(deploy: Path) -> dict[str, Any]:
    template = yaml.load((deploy / "cloudformation" / "notifyd.yaml").read_text(), _Loader)  # noqa: S506 - a SafeLoader
    found: dict[str, Any] = template["Resources"]
    return found


def _of_type(resources: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [resource["Properties"] for resource in resources.values() if resource["Type"] == kind]


def _table(table: Table) -> dict[str, Any]:
    made: dict[str, Any] = {
        "TableName": table.name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": attribute_definitions(table),
        "KeySchema": key_schema(table.key),
    }
    if table.indexes:
        made["GlobalSecondaryIndexes"] = [secondary_index(index) for index in table.indexes]
    if table.streamed:
        made["StreamSpecification"] = {"StreamViewType": STREAM["StreamViewType"]}
    if table.ttl_attribute:
        made["TimeToLiveSpecification"] = {"AttributeName": table.ttl_attribute, "Enabled": True}
    return made


def _queue(queue: Queue) -> dict[str, Any]:
    made: dict[str, Any] = {
        "QueueName": queue.name,
        "VisibilityTimeout": queue.visibility_s,
        "MessageRetentionPeriod": RETENTION_S,
    }
    if queue.dead_letters:
        made["RedrivePolicy"] = {"deadLetterTargetArn": queue.dead_letters, "maxReceiveCount": RECEIVES_MAX}
    return made


def _named(properties: dict[str, Any], name: str, resources: dict[str, Any]) -> dict[str, Any]:
    """With names instead of references, as the blueprint has them."""
    made = properties | {name: properties[name]["!Sub"]}
    if "RedrivePolicy" in made:
        dead = made["RedrivePolicy"]["deadLetterTargetArn"]["!GetAtt"].removesuffix(".Arn")
        dead_name = resources[dead]["Properties"]["QueueName"]["!Sub"]
        made["RedrivePolicy"] = made["RedrivePolicy"] | {"deadLetterTargetArn": dead_name}
    return made


def _by(name: str, made: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(made, key=lambda properties: str(properties[name]))


def test_it_makes_what_init_makes(resources: dict[str, Any]) -> None:
    names = Names("${Prefix}")
    plan = blueprint(
        names,
        sources=[(SourceKind.DYNAMODB, names.events), (SourceKind.KINESIS, names.events)],
        channels=list(Channel),
        log_indexes=LogSection().indexes,
        visibility_s=RetrySection().visibility_s,
        topic=names.alerts,
    )
    tables = [_named(made, "TableName", resources) for made in _of_type(resources, "AWS::DynamoDB::Table")]
    assert _by("TableName", tables) == _by("TableName", [_table(table) for table in plan.tables])
    queues = [_named(made, "QueueName", resources) for made in _of_type(resources, "AWS::SQS::Queue")]
    assert _by("QueueName", queues) == _by("QueueName", [_queue(queue) for queue in plan.queues])
    streams = [made["Name"]["!Sub"] for made in _of_type(resources, "AWS::Kinesis::Stream")]
    assert streams == list(plan.streams)
    assert [made["TopicName"]["!Sub"] for made in _of_type(resources, "AWS::SNS::Topic")] == [plan.topic]


def test_what_holds_data_outlives_the_stack(resources: dict[str, Any]) -> None:
    kept = {"AWS::DynamoDB::Table", "AWS::Kinesis::Stream", "AWS::SQS::Queue"}
    unkept = [
        name
        for name, resource in resources.items()
        if resource["Type"] in kept and resource.get("DeletionPolicy") != "Retain"
    ]
    assert unkept == []


def test_a_channels_queues_hang_on_its_own_parameter(resources: dict[str, Any]) -> None:
    names = Names("${Prefix}")
    conditions = {
        resource["Properties"]["QueueName"]["!Sub"]: resource.get("Condition")
        for resource in resources.values()
        if resource["Type"] == "AWS::SQS::Queue"
    }
    for channel in (*Channel, None):
        told = None if channel in _UNCONDITIONAL else "Has" + str(channel).title().replace("_", "")
        assert conditions[names.dead_letter_queue(channel)] == told
        if channel is not None:
            assert conditions[names.retry_queue(channel)] == told


def _statements(resources: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for policy in _of_type(resources, "AWS::IAM::RolePolicy"):
        yield from policy["PolicyDocument"]["Statement"]


def test_no_action_is_a_wildcard_and_no_resource_but_where_aws_has_none(resources: dict[str, Any]) -> None:
    statements = list(_statements(resources))
    assert statements
    for statement in statements:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        assert not [action for action in actions if "*" in action]
        if statement.get("Resource") == "*":
            assert set(actions) <= _WITHOUT_RESOURCE
        if "NotResource" in statement:
            # Of a text message: nothing that has an ARN.
            assert actions == ["sns:Publish"]
            assert statement["NotResource"] == {"!Sub": "arn:${AWS::Partition}:sns:*:*:*"}


@pytest.mark.parametrize(
    ("action", "queues"),
    [
        ("sqs:ReceiveMessage", [Names("${Prefix}").retry_queue(channel) for channel in Channel]),
        ("sqs:SendMessage", [Names("${Prefix}").dead_letter_queue(channel) for channel in (*Channel, None)]),
    ],
)
def test_the_role_reaches_every_channels_queues(resources: dict[str, Any], action: str, queues: list[str]) -> None:
    allowed = [
        statement["Resource"]["!Sub"].rpartition(":")[2]
        for statement in _statements(resources)
        if action in statement["Action"]
    ]
    for queue in queues:
        assert any(fnmatchcase(queue, pattern) for pattern in allowed), queue


def test_the_role_follows_the_control_table_and_switches_nothing(resources: dict[str, Any]) -> None:
    allowed = {
        action
        for statement in _statements(resources)
        if statement.get("Resource") == {"!GetAtt": "Control.Arn"}
        for action in statement["Action"]
    }
    assert allowed == {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DescribeTimeToLive"}
