"""The stand-in for Vonage says everything below HTTP 200, as Vonage does."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import encode_basic_auth

from tests.support.sandbox_client import Got, SandboxClient, sandbox_client

FORM = {
    "api_key": "5a4db0e5",
    "api_secret": "sandbox-api-secret",
    "from": "Shop",
    "to": "4915112345678",
    "text": "Paid: 10 EUR",
    "client-ref": "D1",
    "ttl": "60000",
}


@pytest.fixture
async def client() -> AsyncIterator[SandboxClient]:
    async with sandbox_client("vonage") as client:
        yield client


async def _send(client: SandboxClient, form: dict[str, str]) -> dict[str, str]:
    got: Got = await client.ask("vonage", "POST", "/sms/json", data=form)
    assert got.status == 200
    assert got.json["message-count"] == "1"
    (part,) = got.json["messages"]
    assert isinstance(part, dict)
    return part


async def test_a_message_arrives_with_its_client_ref(client: SandboxClient) -> None:
    part = await _send(client, FORM)
    assert (part["status"], part["to"], part["client-ref"]) == ("0", FORM["to"], "D1")
    (message,) = client.sandbox["vonage"].inbox.messages
    assert (message.address, message.delivery_id, message.text) == (FORM["to"], "D1", FORM["text"])
    assert message.message_id == part["message-id"]
    assert "api_secret" not in message.content["form"]


async def test_json_and_basic_are_taken_as_well(client: SandboxClient) -> None:
    body = {name: value for name, value in FORM.items() if not name.startswith("api_")}
    headers = {"Authorization": encode_basic_auth(FORM["api_key"], FORM["api_secret"])}
    got = await client.ask("vonage", "POST", "/sms/json", json=body, headers=headers)
    assert got.json["messages"][0]["status"] == "0"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"to": ""}, "2"),
        ({"from": ""}, "2"),
        ({"text": ""}, "2"),
        ({"to": "+4915112345678"}, "3"),
        ({"client-ref": "x" * 41}, "3"),
        ({"ttl": "19999"}, "3"),
        ({"type": "fax"}, "3"),
        ({"text": "x" * 3201}, "12"),
        ({"from": "a name that is too long"}, "15"),
        ({"api_secret": "guessed"}, "4"),
        ({"api_key": "", "api_secret": ""}, "2"),
    ],
)
async def test_a_wrong_message_is_told_by_status(
    client: SandboxClient, change: dict[str, str], status: str
) -> None:
    part = await _send(client, FORM | change)
    assert part["status"] == status
    assert part["error-text"]
    assert client.sandbox["vonage"].counts.accepted == 0
