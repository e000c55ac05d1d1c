"""The stand-in for Mailchimp Transactional tells of each recipient below HTTP 200, and finds by metadata."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from notifyd.sandbox.faults import Refusal, Refuse
from tests.support.sandbox_client import Got, SandboxClient, sandbox_client

KEY = {"key": "md-sandbox-api-key"}
MAIL: dict[str, Any] = {
    "from_email": "shop@example.com",
    "to": [{"email": "ann@example.com", "type": "to"}, {"email": "ben@example.com", "type": "to"}],
    "subject": "Paid",
    "text": "10 EUR",
    "html": "<b>10 EUR</b>",
    "tags": ["payment"],
    "metadata": {"shop": "7"},
    "recipient_metadata": [
        {"rcpt": "ann@example.com", "values": {"delivery_id": "D1"}},
        {"rcpt": "ben@example.com", "values": {"delivery_id": "D2"}},
    ],
}


@pytest.fixture
async def client() -> AsyncIterator[SandboxClient]:
    async with sandbox_client("mailchimp") as client:
        yield client


async def _call(client: SandboxClient, call: str, body: Any) -> Got:
    return await client.ask("mailchimp", "POST", f"/api/1.0/{call}", json=body)


async def _send(client: SandboxClient, change: dict[str, Any]) -> Got:
    return await _call(client, "messages/send", KEY | {"message": MAIL | change})


async def test_each_recipient_has_its_own_delivery_id_and_is_found_by_it(client: SandboxClient) -> None:
    got = await _send(client, {})
    assert [(each["email"], each["status"]) for each in got.json] == [
        ("ann@example.com", "sent"),
        ("ben@example.com", "sent"),
    ]
    mails = client.sandbox["mailchimp"].inbox.messages
    assert [(mail.address, mail.delivery_id) for mail in mails] == [
        ("ann@example.com", "D1"),
        ("ben@example.com", "D2"),
    ]
    found = await _call(client, "messages/search.json", KEY | {"query": "u_delivery_id:D2"})
    assert [(each["_id"], each["state"]) for each in found.json] == [(got.json[1]["_id"], "sent")]
    assert (await _call(client, "messages/search", KEY | {"query": "u_delivery_id:D3"})).json == []


async def test_who_is_on_the_deny_list_is_rejected_alone(client: SandboxClient) -> None:
    client.sandbox.vendors.mailchimp.rejected["ann@example.com"] = "hard-bounce"
    got = await _send(client, {})
    assert [(each["status"], each["reject_reason"]) for each in got.json] == [
        ("rejected", "hard-bounce"),
        ("sent", None),
    ]
    assert client.sandbox["mailchimp"].counts.accepted == 1


async def test_over_quota_the_mail_is_only_queued(client: SandboxClient) -> None:
    client.sandbox["mailchimp"].misbehave(Refuse(refusal=Refusal.QUOTA))
    got = await _send(client, {})
    assert got.status == 200
    assert {(each["email"], each["status"], each["queued_reason"]) for each in got.json} == {
        ("ann@example.com", "queued", "hourly-quota"),
        ("ben@example.com", "queued", "hourly-quota"),
    }


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"message": MAIL}, "ValidationError"),
        (KEY, "ValidationError"),
        (KEY | {"message": MAIL | {"to": []}}, "ValidationError"),
        (KEY | {"message": MAIL | {"from_email": "shop"}}, "ValidationError"),
        ({"key": "guessed", "message": MAIL}, "Invalid_Key"),
    ],
)
async def test_a_wrong_call_is_told_by_name(client: SandboxClient, body: Any, name: str) -> None:
    got = await _call(client, "messages/send", body)
    assert (got.status, got.json["status"], got.json["name"]) == (500, "error", name)


async def test_a_ping_answers_who_has_the_key(client: SandboxClient) -> None:
    assert (await _call(client, "users/ping", KEY)).json == "PONG!"
    assert (await _call(client, "users/ping", {"key": "guessed"})).json["name"] == "Invalid_Key"
