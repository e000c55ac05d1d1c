"""What is wrong in AWS, each with its mend. Nothing is changed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from notifyd.aws.blueprint import MESSAGE_BYTES_MAX, Blueprint, Key, Queue, Table
from notifyd.aws.outage import is_outage
from notifyd.aws.resources import queue_url, topic_arn
from notifyd.aws.session import AwsSession
from notifyd.aws.tables import describe_table
from notifyd.core.filter_criteria import SourceKind
from notifyd.errors import Fault

_INIT = "run `notifyd init`"
_VIEW_TYPES = ("NEW_IMAGE", "NEW_AND_OLD_IMAGES")
CREDENTIALS = "AWS credentials"
Source = tuple[SourceKind, str]


async def check_resources(session: AwsSession, plan: Blueprint, sources: Sequence[Source]) -> list[Fault]:
    """Credentials, tables, streams, queues and the topic: without them `run` does not start."""
    faults = [fault async for fault in guarded(CREDENTIALS, _identity(session))]
    if faults:
        # Nothing else would be answered either.
        return faults
    async with AsyncExitStack() as stack:
        dynamodb, kinesis, sqs, sns = [
            await stack.enter_async_context(session.client(service))
            for service in ("dynamodb", "kinesis", "sqs", "sns")
        ]
        checks = [(f"table {table.name}", _table(dynamodb, table)) for table in plan.tables]
        for kind, name in sources:
            if kind is SourceKind.DYNAMODB:
                made_here = any(table.name == name for table in plan.tables)
                checks.append((f"table {name}", _source_table(dynamodb, name, made_here=made_here)))
            else:
                checks.append((f"stream {name}", _source_stream(kinesis, name, made_here=name in plan.streams)))
        checks += [(f"queue {queue.name}", _queue(sqs, queue)) for queue in plan.queues]
        checks.append((f"topic {plan.topic}", _topic(sns, plan.topic)))
        for where, check in checks:
            faults += [fault async for fault in guarded(where, check)]
    return faults


async def guarded(where: str, check: AsyncIterator[Fault]) -> AsyncIterator[Fault]:
    """The check's faults; that AWS would not say is one, too."""
    try:
        async for fault in check:
            yield fault
    except ClientError as error:
        answer = error.response["Error"]
        what = f"{error.operation_name} was refused: {answer['Code']}: {answer.get('Message', '')}"
        yield Fault(where, what, "let this role do it, or use other credentials", is_outage=is_outage(error))
    except BotoCoreError as error:
        mend = "look at credentials, region, network and endpoint"
        yield Fault(where, f"AWS could not be asked: {error}", mend, is_outage=is_outage(error))


async def _identity(session: AwsSession) -> AsyncIterator[Fault]:
    async with session.client("sts") as sts:
        await sts.get_caller_identity()
    return
    yield  # a check that has no faults of its own


async def _table(dynamodb: Any, table: Table) -> AsyncIterator[Fault]:
    where = f"table {table.name}"
    there = await describe_table(dynamodb, table.name)
    if there is None:
        yield Fault(where, "does not exist", _INIT)
        return
    if there["TableStatus"] not in {"ACTIVE", "UPDATING"}:
        yield Fault(where, f"is {there['TableStatus']}", "wait until it is ACTIVE")
    if (key := _key(there, there["KeySchema"])) != table.key:
        mend = f"the key must be {_key_text(table.key)}: use another prefix, or move that table away"
        yield Fault(where, f"its key is {_key_text(key)}", mend)
    indexes = {index["IndexName"]: index for index in there.get("GlobalSecondaryIndexes", [])}
    for index in table.indexes:
        if index.name not in indexes:
            yield Fault(where, f"has no index {index.name}", _INIT)
        elif (key := _key(there, indexes[index.name]["KeySchema"])) != index.key:
            mend = f"it must be {_key_text(index.key)}: delete the index, then {_INIT}"
            yield Fault(where, f"the key of its index {index.name} is {_key_text(key)}", mend)
    if table.ttl_attribute:
        answer = await dynamodb.describe_time_to_live(TableName=table.name)
        ttl = answer["TimeToLiveDescription"]
        if ttl["TimeToLiveStatus"] not in {"ENABLED", "ENABLING"} or ttl["AttributeName"] != table.ttl_attribute:
            yield Fault(where, f"its rows do not expire by {table.ttl_attribute}", _INIT)


async def _source_table(dynamodb: Any, name: str, *, made_here: bool) -> AsyncIterator[Fault]:
    where = f"table {name}"
    there = await describe_table(dynamodb, name)
    if there is None:
        if not made_here:
            yield Fault(where, "is a source and does not exist", "name the table that your events are written to")
        return
    stream = there.get("StreamSpecification", {})
    if not stream.get("StreamEnabled"):
        mend = _INIT if made_here else "enable its stream with view type NEW_AND_OLD_IMAGES"
        yield Fault(where, "is a source and has no stream", mend)
    elif stream["StreamViewType"] not in _VIEW_TYPES:
        mend = "disable the stream and enable it with NEW_AND_OLD_IMAGES (a view type cannot be changed)"
        yield Fault(where, f"its stream's view type is {stream['StreamViewType']}", mend)


async def _source_stream(kinesis: Any, name: str, *, made_here: bool) -> AsyncIterator[Fault]:
    where = f"stream {name}"
    try:
        answer = await kinesis.describe_stream_summary(StreamName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        mend = _INIT if made_here else "name the stream that your events are written to"
        yield Fault(where, "does not exist", mend)
        return
    status = answer["StreamDescriptionSummary"]["StreamStatus"]
    if status not in {"ACTIVE", "UPDATING"}:
        yield Fault(where, f"is {status}", "wait until it is ACTIVE")


async def _queue(sqs: Any, queue: Queue) -> AsyncIterator[Fault]:
    where = f"queue {queue.name}"
    url = await queue_url(sqs, queue.name)
    if url is None:
        yield Fault(where, "does not exist", _INIT)
        return
    answer = await sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy", "MaximumMessageSize"])
    attributes = answer.get("Attributes", {})
    largest = int(attributes.get("MaximumMessageSize", MESSAGE_BYTES_MAX))
    if largest < MESSAGE_BYTES_MAX:
        what = f"refuses messages of over {largest} bytes: a larger event would hold up its shard"
        yield Fault(where, what, f"set its MaximumMessageSize to {MESSAGE_BYTES_MAX}")
    if queue.dead_letters:
        policy = json.loads(attributes.get("RedrivePolicy", "{}"))
        target = str(policy.get("deadLetterTargetArn", "")).rpartition(":")[2]
        if target != queue.dead_letters:
            what = f"its redrive policy goes to {target!r}" if target else "has no redrive policy"
            yield Fault(where, what, f"set {queue.dead_letters} as its dead-letter queue")


async def _topic(sns: Any, name: str) -> AsyncIterator[Fault]:
    if await topic_arn(sns, name) is None:
        yield Fault(f"topic {name}", "does not exist", _INIT)


def _key(there: dict[str, Any], schema: list[dict[str, str]]) -> Key:
    kinds = {entry["AttributeName"]: entry["AttributeType"] for entry in there["AttributeDefinitions"]}
    names = [entry["AttributeName"] for entry in sorted(schema, key=lambda entry: entry["KeyType"])]
    return tuple((name, kinds[name]) for name in names)


def _key_text(key: Key) -> str:
    return " + ".join(f"{name} ({kind})" for name, kind in key)
