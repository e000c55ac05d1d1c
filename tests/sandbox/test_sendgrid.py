"""The stand-in for SendGrid refuses what SendGrid refuses, by field."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from notifyd.sandbox.inbox import Mail
from tests.support.sandbox_client import Got, SandboxClient, sandbox_client

SIGNED = {"Authorization": "Bearer SG.sandbox.api-key"}
TO: dict[str, Any] = {"to": [{"email": "ann@example.com", "name": "Ann"}], "custom_args": {"delivery_id": "D1"}}
TEXT, HTML = {"type": "text/plain", "value": "10 EUR"}, {"type": "text/html", "value": "<b>10 EUR</b>"}
MAIL: dict[str, Any] = {
    "personalizations": [TO],
    "from": {"email": "shop@example.com"},
    "subject": "Paid",
    "content": [TEXT, HTML],
    "headers": {"List-Unsubscribe": "<https://example.com/u>"},
}


@pytest.fixture
async def client() -> AsyncIterator[SandboxClient]:
    async with sandbox_client("sendgrid") as client:
        yield client


async def _send(client: SandboxClient, body: Any, headers: dict[str, str] = SIGNED) -> Got:
    return await client.ask("sendgrid", "POST", "/v3/mail/send", json=body, headers=headers)


async def test_a_mail_is_queued_for_each_recipient(client: SandboxClient) -> None:
    ben = TO | {"to": [{"email": "ben@example.com"}], "custom_args": {"delivery_id": "D2"}, "subject": "Paid too"}
    got = await _send(client, MAIL | {"personalizations": [TO, ben]})
    assert (got.status, got.body) == (202, b"")
    mails = client.sandbox["sendgrid"].inbox.messages
    assert [(mail.address, mail.delivery_id, mail.subject) for mail in mails] == [
        ("ann@example.com", "D1", "Paid"),
        ("ben@example.com", "D2", "Paid too"),
    ]
    assert {mail.message_id for mail in mails} == {got.headers["x-message-id"]}
    assert isinstance(mails[0], Mail)
    assert (mails[0].text, mails[0].html) == ("10 EUR", "<b>10 EUR</b>")
    assert mails[0].headers == MAIL["headers"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"personalizations": []}, "personalizations"),
        ({"personalizations": [TO | {"to": []}]}, "personalizations.0.to"),
        ({"personalizations": [TO | {"to": [{"email": "nobody"}]}]}, "personalizations.0.to.0.email"),
        ({"personalizations": [TO | {"cc": TO["to"]}]}, "personalizations.0"),
        (
            {"personalizations": [TO | {"to": [{"email": f"u{n}@example.com"} for n in range(1001)]}]},
            "personalizations",
        ),
        ({"personalizations": [TO | {"custom_args": {"x": "y" * 10_000}}]}, "personalizations.0.custom_args"),
        ({"custom_args": {"user": 1}}, "custom_args.user"),
        ({"subject": ""}, "subject"),
        ({"content": []}, "content"),
        ({"content": [HTML, TEXT]}, "content"),
        ({"content": [TEXT | {"value": ""}]}, "content.0.value"),
        ({"headers": {"Subject": "x"}}, "headers"),
        ({"from": {"email": "shop"}}, "from.email"),
        ({"surprise": 1}, "surprise"),
    ],
)
async def test_a_mistake_is_told_by_field(client: SandboxClient, change: dict[str, Any], field: str) -> None:
    got = await _send(client, MAIL | change)
    assert got.status == 400
    (error,) = got.json["errors"]
    assert (error["field"] or "").replace("...", "0").startswith(field.partition(".user")[0])
    assert error["message"]
    assert client.sandbox["sendgrid"].counts.accepted == 0


async def test_a_missing_field_is_named(client: SandboxClient) -> None:
    got = await _send(client, {name: value for name, value in MAIL.items() if name != "from"})
    assert got.json["errors"] == [{"message": "The from field is required.", "field": "from", "help": None}]


async def test_another_key_is_not_let_in(client: SandboxClient) -> None:
    assert (await _send(client, MAIL, {"Authorization": "Bearer SG.other"})).status == 401


async def test_a_form_is_not_read(client: SandboxClient) -> None:
    got = await client.ask("sendgrid", "POST", "/v3/mail/send", data={"a": "b"}, headers=SIGNED)
    assert got.status == 415
