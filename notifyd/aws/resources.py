"""Makes what the blueprint names, any number of times: what is there is left as it is.

Nothing is ever deleted, and no key is changed: what differs from the blueprint is for `check` to say.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import msgspec
from botocore.exceptions import ClientError

from notifyd.aws.blueprint import RECEIVES_MAX, RETENTION_S, Blueprint, Queue
from notifyd.aws.session import AwsSession
from notifyd.aws.tables import complete_table, create_table
from notifyd.aws.waiting import Deadline
from notifyd.ports import Clock

# A table takes seconds; an index on one that holds rows takes as long as filling it.
_DEADLINE_S = 600.0


class Made(msgspec.Struct, frozen=True):
    """`kind`: table, index, stream, queue or topic. `created`: by this run; else it was there."""

    kind: str
    name: str
    created: bool


async def create_resources(
    session: AwsSession, plan: Blueprint, clock: Clock, *, deadline_s: float = _DEADLINE_S
) -> AsyncIterator[Made]:
    """Yields each as it is there and active.

    Raises:
        ConfigError: it was not active in time.
        ClientError, BotoCoreError: AWS refused, or could not be reached.
    """
    deadline = Deadline(clock, deadline_s)
    async with AsyncExitStack() as stack:
        dynamodb, kinesis, sqs, sns = [
            await stack.enter_async_context(session.client(service))
            for service in ("dynamodb", "kinesis", "sqs", "sns")
        ]
        # All are begun before the first is waited for.
        created = {table: await create_table(dynamodb, table) for table in plan.tables}
        for table, is_new in created.items():
            async for index in complete_table(dynamodb, table, deadline):
                yield Made("index", f"{table.name}/{index.name}", created=True)
            yield Made("table", table.name, is_new)
        for name in plan.streams:
            yield Made("stream", name, await _create_stream(kinesis, name, deadline))
        for queue in plan.queues:
            yield Made("queue", queue.name, await _create_queue(sqs, queue))
        yield Made("topic", plan.topic, await _create_topic(sns, plan.topic))


async def _create_stream(kinesis: Any, name: str, deadline: Deadline) -> bool:
    try:
        await kinesis.create_stream(StreamName=name, StreamModeDetails={"StreamMode": "ON_DEMAND"})
        created = True
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceInUseException":
            raise
        created = False

    async def active() -> bool | None:
        answer = await kinesis.describe_stream_summary(StreamName=name)
        return answer["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE" or None

    await deadline.until(f"stream {name}", active)
    return created


async def queue_url(sqs: Any, name: str) -> str | None:
    """None where there is no such queue."""
    try:
        answer = await sqs.get_queue_url(QueueName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] in {"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"}:
            return None
        raise
    url: str = answer["QueueUrl"]
    return url


async def _create_queue(sqs: Any, queue: Queue) -> bool:
    if await queue_url(sqs, queue.name) is not None:
        return False
    attributes = {"VisibilityTimeout": str(queue.visibility_s), "MessageRetentionPeriod": str(RETENTION_S)}
    if queue.dead_letters:
        dead = await sqs.get_queue_attributes(
            QueueUrl=await queue_url(sqs, queue.dead_letters), AttributeNames=["QueueArn"]
        )
        policy = {"deadLetterTargetArn": dead["Attributes"]["QueueArn"], "maxReceiveCount": RECEIVES_MAX}
        attributes["RedrivePolicy"] = json.dumps(policy)
    await sqs.create_queue(QueueName=queue.name, Attributes=attributes)
    return True


async def topic_arn(sns: Any, name: str) -> str | None:
    """The ARN of our own account's topic of that name; None where there is none."""
    page: dict[str, Any] = {}
    while True:
        # Not the client's paginator: it reads its model from the disk in the middle of the loop.
        page = await sns.list_topics(**({"NextToken": page["NextToken"]} if page else {}))
        for topic in page["Topics"]:
            arn: str = topic["TopicArn"]
            if arn.rpartition(":")[2] == name:
                return arn
        if not page.get("NextToken"):
            return None


async def _create_topic(sns: Any, name: str) -> bool:
    if await topic_arn(sns, name) is not None:
        return False
    await sns.create_topic(Name=name)
    return True
