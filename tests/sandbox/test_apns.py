"""The stand-in for APNs refuses what APNs refuses, by its reasons, over HTTP/2."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from notifyd.sandbox.provider_sandbox import Sandbox
from tests.support.plain_http2 import PlainHttp2, StreamEnd

DEVICE = "00fc13adff785122b4ad28809a3420982341241421348097878e577c991de8f0"
PAYLOAD: dict[str, Any] = {"aps": {"alert": {"title": "Paid", "body": "10 EUR"}}, "delivery_id": "D1"}


class Client:
    def __init__(self, sandbox: Sandbox, http2: PlainHttp2) -> None:
        self.sandbox = sandbox
        self.http2 = http2
        # One for all pushes: made anew in the next second it would be a token update, which APNs counts.
        self._usual = self.token()

    def token(self, *, key: Any = None, kid: str = "", age_s: float = 0, **claims: Any) -> str:
        known = self.sandbox.credentials
        issued_s = int(time.time() - age_s)  # noqa: TID251 - the sandbox goes by the machine's clock
        return jwt.encode(
            {"iss": known.apns_team_id, "iat": issued_s} | claims,
            key or known.apns_key_p8,
            algorithm="ES256",
            headers={"kid": kid or known.apns_key_id},
        )

    async def push(
        self, payload: Any = None, *, device: str = DEVICE, token: str | None = None, **headers: str | None
    ) -> StreamEnd:
        """`headers`: without their apns-, with _ for -; None leaves one out."""
        named = {"topic": "com.example.app", "push_type": "alert"} | headers
        sent = {f"apns-{name.replace('_', '-')}": value for name, value in named.items() if value is not None}
        token = self._usual if token is None else token
        if token:
            sent["authorization"] = f"bearer {token}"
        body = payload if isinstance(payload, bytes) else json.dumps(payload or PAYLOAD).encode()
        return await self.http2.ask("POST", f"/3/device/{device}", sent, body)


@asynccontextmanager
async def _connected() -> AsyncIterator[Client]:
    async with Sandbox("apns") as sandbox, PlainHttp2.connect(sandbox.urls["apns"], sandbox.ca_file) as http2:
        yield Client(sandbox, http2)


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with _connected() as client:
        yield client


async def test_a_push_is_answered_with_its_id_and_an_empty_body(client: Client) -> None:
    apns_id = "eabeae54-14a8-11e5-b60b-1697f925ec7b"
    got = await client.push(id=apns_id, priority="10", expiration="0", collapse_id="payments")
    assert (got.status, got.body, got.headers["apns-id"]) == (200, b"", apns_id)
    (message,) = client.sandbox["apns"].inbox.messages
    assert (message.address, message.delivery_id, message.message_id) == (DEVICE, "D1", apns_id)
    assert (message.subject, message.text) == ("Paid", "10 EUR")
    assert message.content["headers"]["apns-collapse-id"] == "payments"


async def test_a_background_push_has_low_priority_and_shows_nothing(client: Client) -> None:
    silent = {"aps": {"content-available": 1}}
    assert (await client.push(silent, push_type="background", priority="5")).status == 200
    assert (await client.push(silent, push_type="background")).json == {"reason": "BadPriority"}
    assert (await client.push(push_type="background", priority="5")).json == {"reason": "InvalidPushType"}


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"topic": None}, "MissingTopic"),
        ({"topic": "com.example.other"}, "TopicDisallowed"),
        ({"push_type": "voip"}, "TopicDisallowed"),
        ({"push_type": None}, "InvalidPushType"),
        ({"push_type": "loud"}, "InvalidPushType"),
        ({"priority": "7"}, "BadPriority"),
        ({"expiration": "tomorrow"}, "BadExpirationDate"),
        ({"collapse_id": "x" * 65}, "BadCollapseId"),
        ({"id": "1"}, "BadMessageId"),
        ({"device": "abc"}, "BadDeviceToken"),
        ({"device": ""}, "MissingDeviceToken"),
    ],
)
async def test_a_wrong_header_is_a_bad_request(client: Client, headers: dict[str, str], reason: str) -> None:
    got = await client.push(**headers)
    assert (got.status, got.json) == (400, {"reason": reason})
    assert got.headers["apns-id"]
    assert client.sandbox["apns"].counts.refused == 1


@pytest.mark.parametrize("payload", [b"{}", b"no json", b"[]", b'{"aps":"x"}'])
async def test_a_payload_without_aps_is_empty(client: Client, payload: bytes) -> None:
    assert (await client.push(payload)).json == {"reason": "PayloadEmpty"}


async def test_a_payload_has_4096_bytes_at_most(client: Client) -> None:
    frame = len(b'{"aps":{"alert":""}}')
    assert (await client.push(b'{"aps":{"alert":"%b"}}' % (b"x" * (4096 - frame)))).status == 200
    got = await client.push(b'{"aps":{"alert":"%b"}}' % (b"x" * (4097 - frame)))
    assert (got.status, got.json) == (413, {"reason": "PayloadTooLarge"})


async def test_a_device_that_is_gone_comes_with_the_time_of_it(client: Client) -> None:
    client.sandbox.vendors.apns.unregistered[DEVICE] = 1_700_000_000_000
    got = await client.push()
    assert (got.status, got.json) == (410, {"reason": "Unregistered", "timestamp": 1_700_000_000_000})


async def test_another_path_or_method_is_refused(client: Client) -> None:
    auth = {"authorization": f"bearer {client.token()}"}
    assert (await client.http2.ask("POST", "/3/devices/x", auth)).json == {"reason": "BadPath"}
    assert (await client.http2.ask("GET", f"/3/device/{DEVICE}", auth)).status == 405


# --- provider tokens -------------------------------------------------------------------------------------


async def test_without_a_token_nothing_is_sent(client: Client) -> None:
    got = await client.push(token="")
    assert (got.status, got.json) == (403, {"reason": "MissingProviderToken"})


@pytest.mark.parametrize(
    "token",
    [
        {"key": ec.generate_private_key(ec.SECP256R1())},
        {"kid": "OTHERKEY12"},
        {"iss": "OTHERTEAM1"},
        {"iat": "now"},
        {"age_s": -600},
    ],
)
async def test_a_token_that_is_not_ours_is_invalid(client: Client, token: dict[str, Any]) -> None:
    got = await client.push(token=client.token(**token))
    assert (got.status, got.json) == (403, {"reason": "InvalidProviderToken"})


async def test_a_token_lasts_an_hour(client: Client) -> None:
    assert (await client.push(token=client.token(age_s=3590))).status == 200
    got = await client.push(token=client.token(age_s=3610))
    assert (got.status, got.json) == (403, {"reason": "ExpiredProviderToken"})


async def test_a_connection_takes_a_new_token_every_twenty_minutes() -> None:
    async with _connected() as client:
        assert (await client.push(token=client.token(age_s=2400))).status == 200
        assert (await client.push(token=client.token(age_s=1100))).status == 200
        got = await client.push()
        assert (got.status, got.json) == (429, {"reason": "TooManyProviderTokenUpdates"})
        async with PlainHttp2.connect(client.sandbox.urls["apns"], client.sandbox.ca_file) as other:
            assert (await Client(client.sandbox, other).push()).status == 200
