"""The stand-in for SNS takes what SNS's query protocol says, and answers in its XML."""

from __future__ import annotations

from collections.abc import AsyncIterator
from xml.etree import ElementTree as ET

import pytest

from tests.support.sandbox_client import Got, SandboxClient, sandbox_client

SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-west-1/sns/aws4_request"}
FORM = {
    "Action": "Publish",
    "Version": "2010-03-31",
    "PhoneNumber": "+4915112345678",
    "Message": "Paid: 10 EUR",
    "MessageAttributes.entry.1.Name": "AWS.SNS.SMS.SMSType",
    "MessageAttributes.entry.1.Value.DataType": "String",
    "MessageAttributes.entry.1.Value.StringValue": "Transactional",
}
TYPE, SENDER = "MessageAttributes.entry.1.Value.StringValue", "MessageAttributes.entry.1.Name"
NAMESPACE = {"sns": "http://sns.amazonaws.com/doc/2010-03-31/"}


@pytest.fixture
async def client() -> AsyncIterator[SandboxClient]:
    async with sandbox_client("sns_sms") as client:
        yield client


async def _publish(client: SandboxClient, form: dict[str, str], headers: dict[str, str] = SIGNED) -> Got:
    return await client.ask("sns_sms", "POST", "/", data=form, headers=headers)


def _text(got: Got, path: str) -> str | None:
    return ET.fromstring(got.body).findtext(path, namespaces=NAMESPACE)  # noqa: S314 - of the sandbox


async def test_a_message_is_published(client: SandboxClient) -> None:
    got = await _publish(client, FORM)
    assert got.status == 200
    (message,) = client.sandbox["sns_sms"].inbox.messages
    assert _text(got, "sns:PublishResult/sns:MessageId") == message.message_id
    assert (message.address, message.text) == (FORM["PhoneNumber"], FORM["Message"])
    assert message.content == {"attributes": {"AWS.SNS.SMS.SMSType": "Transactional"}}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"PhoneNumber": "0151"}, "InvalidParameter"),
        ({"PhoneNumber": ""}, "InvalidParameter"),
        ({"TopicArn": "arn:aws:sns:eu-west-1:1:topic"}, "InvalidParameter"),
        ({"Message": ""}, "InvalidParameter"),
        ({"Message": "x" * 1601}, "InvalidParameter"),
        ({TYPE: "Urgent"}, "InvalidParameter"),
        ({SENDER: "AWS.SNS.SMS.SenderID", TYPE: "too long a sender"}, "InvalidParameter"),
        ({SENDER: "AWS.SNS.SMS.MaxPrice", TYPE: "much"}, "InvalidParameter"),
        ({"MessageAttributes.entry.1.Value.DataType": "Text"}, "ParameterValueInvalid"),
        ({"Action": "Shout"}, "InvalidAction"),
        ({"Version": "2020-01-01"}, "InvalidAction"),
    ],
)
async def test_a_wrong_message_is_told_by_code(client: SandboxClient, change: dict[str, str], code: str) -> None:
    got = await _publish(client, FORM | change)
    assert (got.status, _text(got, "sns:Error/sns:Code")) == (400, code)
    assert client.sandbox["sns_sms"].counts.accepted == 0


async def test_an_unsigned_request_is_refused(client: SandboxClient) -> None:
    got = await _publish(client, FORM, {})
    assert (got.status, _text(got, "sns:Error/sns:Code")) == (403, "MissingAuthenticationToken")
