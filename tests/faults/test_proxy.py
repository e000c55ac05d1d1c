"""What the faults of the proxy are to a client: else a run that survives them would show nothing."""

from __future__ import annotations

from typing import Any

import pytest
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession
from botocore.exceptions import ClientError, HTTPClientError

from notifyd.sandbox.embedded_aws import EmbeddedAws
from notifyd.system import SystemClock
from tests.faults.proxy import Cut, Fault, FaultProxies, Refuse, Throttle, fault_proxies

pytestmark = pytest.mark.aws


async def _call(proxies: FaultProxies, service: str, operation: str, **parameters: Any) -> Any:
    """One attempt."""
    async with AioSession().create_client(
        service,
        region_name="us-east-1",
        endpoint_url=proxies.of[service].url,
        aws_access_key_id="AKID",
        aws_secret_access_key="none",
        config=AioConfig(retries={"total_max_attempts": 1}),
    ) as client:
        return await getattr(client, operation)(**parameters)


async def _queues(proxies: FaultProxies, prefix: str) -> list[str]:
    answer = await _call(proxies, "sqs", "list_queues", QueueNamePrefix=prefix)
    return [url.rpartition("/")[2] for url in answer.get("QueueUrls", [])]


async def test_a_throttle_is_the_services_own_error_and_applies_nothing(
    embedded_aws: EmbeddedAws, prefix: str
) -> None:
    async with fault_proxies(embedded_aws.url, SystemClock(), 1) as proxies:
        proxies.befall(Throttle())
        with pytest.raises(ClientError, match="ProvisionedThroughputExceededException"):
            await _call(proxies, "dynamodb", "list_tables")
        with pytest.raises(ClientError, match="RequestThrottled"):
            await _call(proxies, "sqs", "create_queue", QueueName=prefix)
        with pytest.raises(ClientError, match="Throttling"):
            await _call(proxies, "sns", "list_topics")
        proxies.befall(None)
        assert await _queues(proxies, prefix) == []
        assert (proxies.of["sqs"].arrived, proxies.of["sqs"].faulted) == (2, 1)


@pytest.mark.parametrize(("fault", "applied"), [(Cut(), True), (Refuse(), False)], ids=["cut", "refuse"])
async def test_a_cut_is_applied_and_not_answered_where_a_refusal_is_neither(
    embedded_aws: EmbeddedAws, prefix: str, fault: Fault, applied: bool
) -> None:
    async with fault_proxies(embedded_aws.url, SystemClock(), 1) as proxies:
        proxies.befall(fault, "sqs")
        with pytest.raises(HTTPClientError):
            await _call(proxies, "sqs", "create_queue", QueueName=prefix)
        proxies.befall(None)
        assert (await _queues(proxies, prefix) == [prefix]) is applied


async def test_a_fault_befalls_only_what_it_is_about(embedded_aws: EmbeddedAws, prefix: str) -> None:
    async with fault_proxies(embedded_aws.url, SystemClock(), 1) as proxies:
        proxies.befall(Refuse(about=f"{prefix}-b".encode()))
        await _call(proxies, "sqs", "create_queue", QueueName=f"{prefix}-a")
        with pytest.raises(HTTPClientError):
            await _call(proxies, "sqs", "create_queue", QueueName=f"{prefix}-b")
