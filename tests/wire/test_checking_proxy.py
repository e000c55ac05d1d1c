"""The proxy that the other tests rely on refuses what AWS would refuse."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from notifyd.aws.credentials import StaticCredentials
from notifyd.errors import AwsError
from notifyd.wire.aws_call import AwsService
from notifyd.wire.credentials import Credentials
from notifyd.wire.tls import client_context
from notifyd.wire.transport_aiohttp import AiohttpTransport
from tests.fakes.system import FakeClock, FakeEntropy
from tests.support.checking_proxy import CheckingProxy, checking_proxy
from tests.support.hostile_server import HostileServer, answer, answering, hostile_server

KNOWN = Credentials("AKID", "secret", "token")
REGION = "eu-west-1"
TARGET = "DynamoDB_20120810.BatchGetItem"


@pytest.fixture
async def upstream() -> AsyncIterator[HostileServer]:
    async with hostile_server(answering(answer(body=b'{"a": 1}', x_amzn_RequestId="42"))) as server:
        yield server


@pytest.fixture
async def proxy(upstream: HostileServer, clock: FakeClock) -> AsyncIterator[CheckingProxy]:
    async with checking_proxy(upstream=upstream.url, region=REGION, known=KNOWN, clock=clock) as proxy:
        yield proxy


@asynccontextmanager
async def service(
    proxy: CheckingProxy,
    clock: FakeClock,
    *,
    name: str = "dynamodb",
    known: Credentials = KNOWN,
    region: str = REGION,
    json_version: str = "1.0",
) -> AsyncIterator[AwsService]:
    aws = AwsService(
        service=name,
        region=region,
        endpoint=proxy.url,
        credentials=StaticCredentials(known),
        transport=AiohttpTransport(client_context()),
        clock=clock,
        entropy=FakeEntropy(),
        json_version=json_version,
    )
    try:
        yield aws
    finally:
        await aws.close()


def batch_get(*keys: object, **more: object) -> bytes:
    return json.dumps({"RequestItems": {"table": {"Keys": keys}}, **more}).encode()


RIGHT = batch_get({"user_id": {"S": "u1"}}, {"user_id": {"B": "AAE="}}, ReturnConsumedCapacity="TOTAL")


async def test_what_is_right_passes_and_its_answer_comes_back(
    proxy: CheckingProxy, upstream: HostileServer, clock: FakeClock
) -> None:
    async with service(proxy, clock) as aws:
        assert await aws.call(TARGET, RIGHT) == b'{"a": 1}'
    assert upstream.requests[0].body == RIGHT
    assert proxy.checked == ["BatchGetItem"]
    assert proxy.faults == []


async def test_a_rest_call_passes_by_its_path(proxy: CheckingProxy, clock: FakeClock) -> None:
    async with service(proxy, clock, name="ses") as aws:
        await aws.post(
            "/v2/email/outbound-emails", b'{"Content": {"Simple": {"Subject": {"Data": "x"}, "Body": {}}}}'
        )
        await aws.get("/v2/email/identities/somebody")
    assert proxy.checked == ["SendEmail", "GetEmailIdentity"]


WRONG_BODIES = {
    "an unknown member": (batch_get(ReturnConsumedCapacities="TOTAL"), "ReturnConsumedCapacities"),
    "a missing member": (b'{"RequestItems": {"table": {}}}', "Keys"),
    "a wrong type": (b'{"RequestItems": []}', "RequestItems"),
    "a number that is no text": (batch_get({"user_id": {"N": 1}}), "valid types"),
    "two types of one value": (batch_get({"user_id": {"S": "a", "N": "1"}}), "exactly one type"),
    "a blob that is no base64": (batch_get({"user_id": {"B": "???"}}), "base64"),
    "a value out of an enum": (batch_get({"user_id": {"S": "u1"}}, ReturnConsumedCapacity="SOME"), "SOME"),
    "too many entries": (batch_get(*[{"user_id": {"S": str(n)}} for n in range(101)]), "at most 100"),
    "too few entries": (batch_get(), "valid min length"),
    "no object": (b"[]", "not an object"),
    "no JSON": (b"{", "no JSON"),
}


@pytest.mark.parametrize(("body", "named"), WRONG_BODIES.values(), ids=WRONG_BODIES.keys())
async def test_a_wrong_body_is_refused_by_name_and_goes_no_further(
    proxy: CheckingProxy, upstream: HostileServer, clock: FakeClock, body: bytes, named: str
) -> None:
    async with service(proxy, clock) as aws:
        with pytest.raises(AwsError, match="ValidationException"):
            await aws.call(TARGET, body)
    assert named in proxy.faults[0]
    assert upstream.requests == []


@pytest.mark.parametrize(
    ("target", "named"),
    [("DynamoDB_20120810.BatchGetItems", "no such operation"), ("DynamoDB.BatchGetItem", "no such service")],
)
async def test_an_unknown_target_is_refused(
    proxy: CheckingProxy, clock: FakeClock, target: str, named: str
) -> None:
    async with service(proxy, clock) as aws:
        with pytest.raises(AwsError):
            await aws.call(target, RIGHT)
    assert named in proxy.faults[0]


async def test_an_unknown_path_is_refused(proxy: CheckingProxy, clock: FakeClock) -> None:
    async with service(proxy, clock, name="ses") as aws:
        for path in ("/v2/email/outbound-email", "/v2/mail"):
            with pytest.raises(AwsError):
                await aws.post(path, b"{}")
    assert len(proxy.faults) == 2


async def test_another_service_s_json_version_is_refused(proxy: CheckingProxy, clock: FakeClock) -> None:
    async with service(proxy, clock, json_version="1.1") as aws:
        with pytest.raises(AwsError):
            await aws.call(TARGET, RIGHT)
    assert "content-type" in proxy.faults[0]


@pytest.mark.parametrize(
    ("known", "name", "region", "named"),
    [
        (Credentials("AKID", "other", "token"), "dynamodb", REGION, "the signature is"),
        (Credentials("OTHER", "secret", "token"), "dynamodb", REGION, "scope"),
        (Credentials("AKID", "secret"), "dynamodb", REGION, "session token"),
        (KNOWN, "sqs", REGION, "scope"),
        (KNOWN, "dynamodb", "us-east-1", "scope"),
    ],
    ids=["secret", "access key", "token", "service", "region"],
)
async def test_a_wrong_signature_is_refused(
    proxy: CheckingProxy, clock: FakeClock, known: Credentials, name: str, region: str, named: str
) -> None:
    async with service(proxy, clock, name=name, known=known, region=region) as aws:
        with pytest.raises(AwsError, match="InvalidSignatureException"):
            await aws.call(TARGET, RIGHT)
    assert named in proxy.faults[0]


async def test_a_date_more_than_five_minutes_off_is_refused(proxy: CheckingProxy, clock: FakeClock) -> None:
    behind = FakeClock(now_s=clock.now_s() - 301)
    async with service(proxy, behind) as aws:
        with pytest.raises(AwsError, match="InvalidSignatureException"):
            await aws.call(TARGET, RIGHT)
    assert "301 s off" in proxy.faults[0]
