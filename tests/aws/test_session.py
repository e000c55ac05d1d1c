from __future__ import annotations

import pytest

from notifyd.aws.session import AwsSession
from notifyd.errors import AwsError

pytestmark = pytest.mark.aws


async def test_a_lean_call_and_a_client_reach_the_same_service(aws: AwsSession, prefix: str) -> None:
    async with aws.client("sqs") as sqs:
        await sqs.create_queue(QueueName=f"{prefix}-retry")
    lean = await aws.lean("sqs")
    answer = await lean.call("AmazonSQS.ListQueues", f'{{"QueueNamePrefix":"{prefix}"}}'.encode())
    assert f"{prefix}-retry".encode() in answer


async def test_an_error_of_aws_has_its_code_and_request_id(aws: AwsSession, prefix: str) -> None:
    lean = await aws.lean("dynamodb")
    with pytest.raises(AwsError, match="not found") as caught:
        await lean.call("DynamoDB_20120810.DescribeTable", f'{{"TableName":"{prefix}"}}'.encode())
    assert caught.value.code == "ResourceNotFoundException"
    assert caught.value.status == 400
    assert caught.value.request_id
