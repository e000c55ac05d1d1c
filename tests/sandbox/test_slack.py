"""The stand-in for Slack refuses what Slack refuses, in Slack's words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from notifyd.sandbox.faults import Refusal
from tests.support.sandbox_client import Got, SandboxClient, sandbox_client

SIGNED = {"Authorization": "Bearer xoxb-sandbox"}
MESSAGE: dict[str, Any] = {
    "channel": "C0123456789",
    "text": "Paid: 10 EUR",
    "blocks": [
        {"type": "header", "text": {"type": "plain_text", "text": "Paid"}},
        {"type": "section", "text": {"type": "mrkdwn", "text": "*10 EUR*"}},
    ],
    "metadata": {"event_type": "notification", "event_payload": {"delivery_id": "D1"}},
}


@pytest.fixture
async def client() -> AsyncIterator[SandboxClient]:
    async with sandbox_client("slack", "slack_webhook") as client:
        yield client


async def _post(client: SandboxClient, body: Any, headers: dict[str, str] = SIGNED) -> Got:
    return await client.ask("slack", "POST", "/api/chat.postMessage", json=body, headers=headers)


async def _hook(client: SandboxClient, body: Any, path: str = "") -> Got:
    path = path or client.sandbox.credentials.slack_hook_path
    return await client.ask("slack_webhook", "POST", path, json=body)


async def test_a_message_arrives_with_the_delivery_id_of_its_metadata(client: SandboxClient) -> None:
    got = await _post(client, MESSAGE)
    assert (got.status, got.json["ok"], got.json["channel"]) == (200, True, "C0123456789")
    (message,) = client.sandbox["slack"].inbox.messages
    assert (message.address, message.delivery_id, message.text) == ("C0123456789", "D1", "Paid: 10 EUR")
    assert message.message_id == got.json["ts"]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"channel": ""}, "channel_not_found"),
        ({"channel": "no such"}, "channel_not_found"),
        ({"text": "", "blocks": []}, "no_text"),
        ({"text": "x" * 40_001}, "msg_too_long"),
        ({"blocks": [{"type": "divider"}] * 51}, "invalid_blocks"),
        ({"blocks": [{"type": "banner"}]}, "invalid_blocks"),
        ({"blocks": [{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}]}, "invalid_blocks"),
        ({"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}]}, "invalid_blocks"),
        ({"metadata": {"event_type": "x"}}, "invalid_metadata_format"),
    ],
)
async def test_a_wrong_message_fails_below_http_200(
    client: SandboxClient, change: dict[str, Any], error: str
) -> None:
    got = await _post(client, MESSAGE | change)
    assert (got.status, got.json) == (200, {"ok": False, "error": error})
    assert client.sandbox["slack"].counts.accepted == 0


@pytest.mark.parametrize(
    ("headers", "error"), [({}, "not_authed"), ({"Authorization": "Bearer xoxb-other"}, "invalid_auth")]
)
async def test_only_the_token_is_let_in(client: SandboxClient, headers: dict[str, str], error: str) -> None:
    assert (await _post(client, MESSAGE, headers)).json == {"ok": False, "error": error}


async def test_a_channel_takes_one_message_a_second(client: SandboxClient) -> None:
    answers = [await _post(client, MESSAGE) for _ in range(3)]
    assert answers[-1].status == 429
    assert answers[-1].headers["retry-after"] == "1"
    assert answers[-1].json["error"] == "ratelimited"
    assert (await _post(client, MESSAGE | {"channel": "C0OTHER"})).status == 200


async def test_a_hook_answers_ok_in_plain_text(client: SandboxClient) -> None:
    got = await _hook(client, {"text": "Paid"})
    assert (got.status, got.body) == (200, b"ok")


@pytest.mark.parametrize(
    ("body", "error"), [({}, b"no_text"), ({"text": 1}, b"invalid_payload"), ([], b"invalid_payload")]
)
async def test_a_hook_says_what_is_wrong_in_plain_text(client: SandboxClient, body: Any, error: bytes) -> None:
    got = await _hook(client, body)
    assert (got.status, got.body) == (400, error)


async def test_a_hook_that_was_removed_is_told_from_one_of_an_archived_channel(client: SandboxClient) -> None:
    got = await _hook(client, {"text": "Paid"}, "/services/T1/B1/removed")
    assert (got.status, got.body) == (404, b"no_service")
    client.sandbox.vendors.slack_webhook.hooks[client.sandbox.credentials.slack_hook_path] = Refusal.GONE
    got = await _hook(client, {"text": "Paid"})
    assert (got.status, got.body) == (410, b"channel_is_archived")
