"""The stand-in for Twilio refuses what Twilio refuses, in Twilio's words."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import encode_basic_auth

from tests.support.sandbox_client import Got, SandboxClient, sandbox_client

SID = "AC00000000000000000000000000000001"
PATH = f"/2010-04-01/Accounts/{SID}/Messages.json"
AUTH = {"Authorization": encode_basic_auth(SID, "sandbox-auth-token")}
FORM = {
    "To": "+4915112345678",
    "From": "+15557771111",
    "Body": "Paid: 10 EUR",
    "ValidityPeriod": "3600",
    "StatusCallback": "https://example.com/receipts?delivery_id=D1",
}


@pytest.fixture
async def client() -> AsyncIterator[SandboxClient]:
    async with sandbox_client("twilio") as client:
        yield client


async def _send(client: SandboxClient, form: dict[str, str], auth: dict[str, str] = AUTH) -> Got:
    return await client.ask("twilio", "POST", PATH, data=form, headers=auth)


async def _look_up(client: SandboxClient, **asked: str) -> list[str]:
    got = await client.ask("twilio", "GET", PATH, params=asked, headers=AUTH)
    return [message["sid"] for message in got.json["messages"]]


async def test_a_message_is_created_and_found_again(client: SandboxClient) -> None:
    got = await _send(client, FORM)
    assert (got.status, got.json["status"], got.json["to"]) == (201, "queued", FORM["To"])
    sid = got.json["sid"]
    assert await _look_up(client, To=FORM["To"], From=FORM["From"]) == [sid]
    assert await _look_up(client, **{"DateSent>": "2020-01-01"}) == [sid]
    assert await _look_up(client, **{"DateSent<": "2020-01-01"}) == []
    assert await _look_up(client, To="+4915100000000") == []
    (message,) = client.sandbox["twilio"].inbox.messages
    assert (message.address, message.delivery_id, message.text) == (FORM["To"], "D1", FORM["Body"])
    assert message.content["form"] == FORM


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"To": ""}, 21604),
        ({"From": ""}, 21603),
        ({"Body": ""}, 21602),
        ({"To": "12345"}, 21211),
        ({"From": "not one of ours"}, 21606),
        ({"Body": "x" * 1601}, 21617),
        ({"ValidityPeriod": "36001"}, 21624),
        ({"StatusCallback": "ftp://x"}, 21609),
    ],
)
async def test_a_wrong_message_is_told_by_code(client: SandboxClient, change: dict[str, str], code: int) -> None:
    got = await _send(client, FORM | change)
    assert (got.status, got.json["code"], got.json["status"]) == (400, code, 400)
    assert got.json["more_info"].endswith(str(code))
    assert client.sandbox["twilio"].counts.refused == 1


async def test_who_sent_stop_is_not_sent_to(client: SandboxClient) -> None:
    client.sandbox.vendors.twilio.unsubscribed.add(FORM["To"])
    assert (await _send(client, FORM)).json["code"] == 21610


async def test_another_account_is_not_let_in(client: SandboxClient) -> None:
    got = await _send(client, FORM, {"Authorization": encode_basic_auth(SID, "guessed")})
    assert (got.status, got.json["code"]) == (401, 20003)


async def test_a_body_of_json_is_not_read(client: SandboxClient) -> None:
    assert (await client.ask("twilio", "POST", PATH, json=FORM, headers=AUTH)).status == 415
