"""The stand-in for FCM refuses what FCM refuses, in Google's error form, and asks for a token of its OAuth."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from typing import Any

import jwt
import pytest

from notifyd.sandbox.provider_sandbox import Sandbox
from tests.support.plain_http2 import PlainHttp2, StreamEnd
from tests.support.sandbox_client import Got, SandboxClient, sandbox_client

(TOKEN,) = Sandbox.registration_tokens()
MESSAGE: dict[str, Any] = {
    "token": TOKEN,
    "notification": {"title": "Paid", "body": "10 EUR"},
    "data": {"delivery_id": "D1"},
    "android": {
        "priority": "HIGH",
        "ttl": "3600s",
        "collapseKey": "payments",
        "notification": {"channel_id": "x"},
    },
}
FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class Client:
    def __init__(self, plain: SandboxClient, http2: PlainHttp2) -> None:
        self.sandbox = plain.sandbox
        self.plain = plain
        self.http2 = http2

    def assertion(self, *, key: Any = None, **claims: Any) -> str:
        account = self.sandbox.service_account
        now_s = int(time.time())  # noqa: TID251 - the sandbox goes by the machine's clock
        known = {
            "iss": account["client_email"],
            "scope": "https://www.googleapis.com/auth/firebase.messaging",
            "aud": account["token_uri"],
            "iat": now_s,
            "exp": now_s + 3600,
        }
        late = {name: now_s + seconds for name, seconds in claims.pop("from_now", {}).items()}
        headers = {"kid": account["private_key_id"]}
        return jwt.encode(known | claims | late, key or account["private_key"], algorithm="RS256", headers=headers)

    async def ask_token(self, assertion: str, grant: str = GRANT) -> Got:
        form = {"grant_type": grant, "assertion": assertion}
        return await self.plain.ask("google_oauth", "POST", "/token", data=form)

    async def send(
        self, message: Any, *, bearer: str | None = None, project: str = "notifyd-sandbox", **envelope: Any
    ) -> StreamEnd:
        if bearer is None:
            bearer = (await self.ask_token(self.assertion())).json["access_token"]
        headers = {"authorization": f"Bearer {bearer}", "content-type": "application/json"}
        body = json.dumps({"message": message} | envelope).encode()
        return await self.http2.ask("POST", f"/v1/projects/{project}/messages:send", headers, body)


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with (
        sandbox_client("fcm", "google_oauth") as plain,
        PlainHttp2.connect(plain.sandbox.urls["fcm"], plain.sandbox.ca_file) as http2,
    ):
        yield Client(plain, http2)


async def test_a_message_gets_a_name(client: Client) -> None:
    got = await client.send(MESSAGE)
    assert got.status == 200
    (message,) = client.sandbox["fcm"].inbox.messages
    assert got.json == {"name": message.message_id}
    assert (message.address, message.delivery_id) == (TOKEN, "D1")
    assert (message.subject, message.text) == ("Paid", "10 EUR")
    assert message.content["android"]["collapse_key"] == "payments"


async def test_a_message_that_is_only_validated_does_not_arrive(client: Client) -> None:
    assert (await client.send(MESSAGE, validate_only=True)).status == 200
    assert client.sandbox["fcm"].counts.accepted == 0


@pytest.mark.parametrize(
    "change",
    [
        {"surprise": 1},
        {"android": {"ttl": "1h"}},
        {"android": {"ttl": "2419201s"}},
        {"android": {"priority": "URGENT"}},
        {"data": {"count": 1}},
        {"data": {"google.x": "1"}},
        {"data": {"from": "me"}},
        {"data": {"x": "y" * 4096}},
        {"topic": "news"},
        {"token": ""},
    ],
)
async def test_a_wrong_payload_is_no_fcm_error(client: Client, change: dict[str, Any]) -> None:
    got = await client.send(MESSAGE | change)
    error = got.json["error"]
    assert (got.status, error["code"], error["status"]) == (400, 400, "INVALID_ARGUMENT")
    assert [detail["@type"] for detail in error["details"]] == ["type.googleapis.com/google.rpc.BadRequest"]


async def test_an_unknown_field_is_named(client: Client) -> None:
    got = await client.send(MESSAGE | {"surprise": 1})
    (violation,) = got.json["error"]["details"][0]["fieldViolations"]
    assert violation["field"] == "message"
    assert "Unknown name \"surprise\" at 'message': Cannot find field." in violation["description"]


async def test_a_malformed_token_is_an_fcm_error_of_an_invalid_argument(client: Client) -> None:
    got = await client.send(MESSAGE | {"token": "short"})
    assert got.status == 400
    assert got.json["error"]["details"] == [{"@type": FCM_ERROR, "errorCode": "INVALID_ARGUMENT"}]


async def test_a_token_of_an_app_that_is_gone_is_unregistered(client: Client) -> None:
    client.sandbox.vendors.fcm.unregistered.add(TOKEN)
    got = await client.send(MESSAGE)
    assert (got.status, got.json["error"]["status"]) == (404, "NOT_FOUND")
    assert got.json["error"]["details"] == [{"@type": FCM_ERROR, "errorCode": "UNREGISTERED"}]


async def test_a_token_of_another_sender_is_a_mismatch(client: Client) -> None:
    client.sandbox.vendors.fcm.foreign.add(TOKEN)
    got = await client.send(MESSAGE)
    assert got.status == 403
    assert got.json["error"]["details"] == [{"@type": FCM_ERROR, "errorCode": "SENDER_ID_MISMATCH"}]


async def test_another_project_is_not_found(client: Client) -> None:
    assert (await client.send(MESSAGE, project="other")).status == 404


# --- OAuth -----------------------------------------------------------------------------------------------


async def test_a_bearer_that_was_not_given_out_is_unauthenticated(client: Client) -> None:
    got = await client.send(MESSAGE, bearer="guessed")
    assert (got.status, got.json["error"]["status"]) == (401, "UNAUTHENTICATED")


async def test_a_bearer_expires(client: Client) -> None:
    client.sandbox.vendors.google_oauth.token_life_s = 0
    assert (await client.send(MESSAGE)).status == 401


async def test_a_revoked_bearer_is_unauthenticated(client: Client) -> None:
    bearer = (await client.ask_token(client.assertion())).json["access_token"]
    assert (await client.send(MESSAGE, bearer=bearer)).status == 200
    client.sandbox.vendors.google_oauth.revoke()
    assert (await client.send(MESSAGE, bearer=bearer)).status == 401


async def test_a_token_says_how_long_it_lasts(client: Client) -> None:
    got = await client.ask_token(client.assertion())
    assert (got.status, got.json["token_type"], got.json["expires_in"]) == (200, "Bearer", 3599)


@pytest.mark.parametrize(
    ("claims", "error"),
    [
        ({"iss": "other@example.com"}, "invalid_grant"),
        ({"aud": "https://oauth2.example.com/token"}, "invalid_grant"),
        ({"scope": "https://www.googleapis.com/auth/drive"}, "invalid_scope"),
        ({"from_now": {"exp": -1}}, "invalid_grant"),
        ({"from_now": {"exp": 4000}}, "invalid_grant"),
        ({"from_now": {"iat": 900}}, "invalid_grant"),
        ({"iat": "now"}, "invalid_grant"),
    ],
)
async def test_a_wrong_assertion_gets_no_token(client: Client, claims: dict[str, Any], error: str) -> None:
    got = await client.ask_token(client.assertion(**claims))
    assert (got.status, got.json["error"]) == (400, error)


async def test_an_assertion_that_another_key_signed_gets_no_token(client: Client) -> None:
    head, body, _ = client.assertion().split(".")
    got = await client.ask_token(f"{head}.{body}.{'A' * 342}")
    assert (got.status, got.json["error"]) == (400, "invalid_grant")
    assert (await client.ask_token("no token at all")).json["error"] == "invalid_grant"


async def test_another_grant_is_not_supported(client: Client) -> None:
    got = await client.ask_token(client.assertion(), "client_credentials")
    assert got.json["error"] == "unsupported_grant_type"
