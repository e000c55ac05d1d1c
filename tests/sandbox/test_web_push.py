"""The push service reads what a browser could read, and asks for VAPID as RFC 8292 has it."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from notifyd.sandbox.vendors._web_push_body import Undecipherable, base64url, decrypted, from_base64url, point_of
from notifyd.sandbox.vendors.web_push import Subscription
from tests.support.sandbox_client import Got, SandboxClient, sandbox_client

http_ece: Any = import_module("http_ece")  # it has no types
# RFC 8291, section 5 and appendix A.
RFC_BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A"
    "_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)
RFC_PRIVATE, RFC_AUTH = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94", "BTBZMqHH6r4Tts7J_aSIgg"
PAYLOAD = b'{"title":"Paid","data":{"delivery_id":"D1"}}'


def _private_key(scalar: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(from_base64url(scalar)), ec.SECP256R1())


def test_the_body_of_the_rfc_is_read() -> None:
    text = decrypted(from_base64url(RFC_BODY), _private_key(RFC_PRIVATE), from_base64url(RFC_AUTH))
    assert text == b"When I grow up, I want to be a watermelon"


@pytest.mark.parametrize("position", [0, 20, 25, 100, -1])
def test_a_body_with_any_bit_changed_is_not_read(position: int) -> None:
    body = bytearray(from_base64url(RFC_BODY))
    body[position] ^= 1
    with pytest.raises(Undecipherable):
        decrypted(bytes(body), _private_key(RFC_PRIVATE), from_base64url(RFC_AUTH))


@pytest.fixture
async def client() -> AsyncIterator[SandboxClient]:
    async with sandbox_client("web_push") as client:
        yield client


def _encrypted(subscription: Subscription, text: bytes = PAYLOAD) -> bytes:
    body: bytes = http_ece.encrypt(
        text,
        salt=os.urandom(16),
        private_key=ec.generate_private_key(ec.SECP256R1()),
        dh=from_base64url(subscription.keys.p256dh),
        auth_secret=from_base64url(subscription.keys.auth),
        version="aes128gcm",
    )
    return body


def _vapid(client: SandboxClient, scalar: str = "", **claims: Any) -> str:
    key = _private_key(scalar or client.sandbox.credentials.vapid_private_key)
    now_s = int(time.time())  # noqa: TID251 - the sandbox goes by the machine's clock
    known = {"aud": client.sandbox.urls["web_push"], "exp": now_s + 43_200, "sub": "mailto:ops@example.com"}
    expires_in_s = claims.pop("expires_in_s", None)
    changed = {"exp": now_s + expires_in_s} if expires_in_s is not None else {}
    token = jwt.encode(known | claims | changed, key, algorithm="ES256")
    return f"vapid t={token}, k={base64url(point_of(key.public_key()))}"


async def _push(
    client: SandboxClient, subscription: Subscription, body: bytes, vapid: str = "", **headers: str
) -> Got:
    known = {"TTL": "60", "Content-Encoding": "aes128gcm", "Authorization": vapid or _vapid(client)}
    path = urlsplit(subscription.endpoint).path
    wanted = {name: value for name, value in (known | headers).items() if value}
    return await client.ask("web_push", "POST", path, data=body, headers=wanted)


async def test_a_push_is_created_and_read(client: SandboxClient) -> None:
    (subscription,) = client.sandbox.web_push_subscriptions()
    got = await _push(client, subscription, _encrypted(subscription), Urgency="high", Topic="payments")
    assert got.status == 201
    assert got.headers["location"]
    (message,) = client.sandbox["web_push"].inbox.messages
    assert (message.address, message.delivery_id) == (subscription.endpoint, "D1")
    assert message.content["payload"]["title"] == "Paid"
    assert (message.content["urgency"], message.content["topic"]) == ("high", "payments")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"TTL": ""}, 400),
        ({"TTL": "-1"}, 400),
        ({"Urgency": "now"}, 400),
        ({"Topic": "x" * 33}, 400),
        ({"Topic": "no spaces"}, 400),
        ({"Content-Encoding": "aesgcm"}, 415),
    ],
)
async def test_a_wrong_header_is_refused(client: SandboxClient, headers: dict[str, str], status: int) -> None:
    (subscription,) = client.sandbox.web_push_subscriptions()
    assert (await _push(client, subscription, _encrypted(subscription), **headers)).status == status


async def test_a_body_for_another_browser_is_refused(client: SandboxClient) -> None:
    mine, other = client.sandbox.web_push_subscriptions(2)
    assert (await _push(client, mine, _encrypted(other))).status == 400


async def test_a_body_over_4096_bytes_is_refused(client: SandboxClient) -> None:
    (subscription,) = client.sandbox.web_push_subscriptions()
    assert (await _push(client, subscription, _encrypted(subscription, b"x" * 4010))).status == 413
    assert (await _push(client, subscription, _encrypted(subscription, b"x" * 3993))).status == 201


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "https://push.example.com"},
        {"expires_in_s": -1},
        {"expires_in_s": 86_500},
        {"sub": "ops"},
        {"exp": "soon"},
    ],
)
async def test_a_wrong_claim_is_not_let_in(client: SandboxClient, claims: dict[str, Any]) -> None:
    (subscription,) = client.sandbox.web_push_subscriptions()
    got = await _push(client, subscription, _encrypted(subscription), _vapid(client, **claims))
    assert got.status == 401


async def test_another_key_than_the_subscription_s_is_forbidden(client: SandboxClient) -> None:
    (subscription,) = client.sandbox.web_push_subscriptions()
    got = await _push(client, subscription, _encrypted(subscription), _vapid(client, RFC_PRIVATE))
    assert got.status == 403


async def test_a_token_that_its_key_did_not_sign_is_not_let_in(client: SandboxClient) -> None:
    (subscription,) = client.sandbox.web_push_subscriptions()
    other = _vapid(client, RFC_PRIVATE).partition(",")[0]
    mine = _vapid(client).partition(",")[2]
    assert (await _push(client, subscription, _encrypted(subscription), f"{other},{mine}")).status == 401


async def test_an_endpoint_that_never_was_is_told_from_one_that_is_gone(client: SandboxClient) -> None:
    (subscription,) = client.sandbox.web_push_subscriptions()
    never = Subscription(subscription.endpoint + "0", subscription.keys)
    assert (await _push(client, never, _encrypted(subscription))).status == 404
    client.sandbox.vendors.web_push.gone.add(urlsplit(subscription.endpoint).path)
    assert (await _push(client, subscription, _encrypted(subscription))).status == 410
