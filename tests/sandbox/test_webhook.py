"""The receiver of webhooks takes what the Standard Webhooks scheme verifies, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook

from tests.support.sandbox_client import SandboxClient, sandbox_client

BODY = '{"type":"payment.received","data":{"amount":"10 EUR"}}'


@pytest.fixture
async def client() -> AsyncIterator[SandboxClient]:
    async with sandbox_client("webhook") as client:
        yield client


def _signed(secret: str, age: timedelta = timedelta()) -> dict[str, str]:
    at = datetime.now(UTC) - age  # noqa: TID251 - the verifier goes by the machine's clock
    signature = Webhook(secret).sign("D1", at, BODY)
    return {
        "webhook-id": "D1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signature,
        "content-type": "application/json",
    }


async def test_a_signed_message_is_taken(client: SandboxClient) -> None:
    headers = _signed(client.sandbox.credentials.webhook_secret)
    assert (await client.ask("webhook", "POST", "/hooks/ann", data=BODY, headers=headers)).status == 204
    (message,) = client.sandbox["webhook"].inbox.messages
    assert (message.address, message.delivery_id) == ("/hooks/ann", "D1")
    assert message.content["data"] == {"amount": "10 EUR"}


async def test_two_signatures_pass_during_a_rotation(client: SandboxClient) -> None:
    headers = _signed(client.sandbox.credentials.webhook_secret)
    headers["webhook-signature"] = "v1,b3RoZXI= " + headers["webhook-signature"]
    assert (await client.ask("webhook", "POST", "/", data=BODY, headers=headers)).status == 204


@pytest.mark.parametrize(
    "wrong",
    [
        {"webhook-signature": "v1,b3RoZXI="},
        {"webhook-signature": "none"},
        {"webhook-id": "D2"},
        {"webhook-timestamp": "1"},
    ],
)
async def test_what_does_not_verify_is_refused(client: SandboxClient, wrong: dict[str, str]) -> None:
    headers = _signed(client.sandbox.credentials.webhook_secret) | wrong
    assert (await client.ask("webhook", "POST", "/", data=BODY, headers=headers)).status == 401


async def test_an_old_message_is_refused(client: SandboxClient) -> None:
    headers = _signed(client.sandbox.credentials.webhook_secret, age=timedelta(minutes=6))
    assert (await client.ask("webhook", "POST", "/", data=BODY, headers=headers)).status == 401
