"""What receivers of webhooks get, who may be one, and what their answers mean."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr
from standardwebhooks import Webhook

from notifyd.core.blame import Blame, blame_of
from notifyd.core.channel import Channel
from notifyd.core.message import Chat, Delivery
from notifyd.core.outcome import Accepted, AddressGone, Deferred, Outcome, Reason, Rejected, Unknown
from notifyd.errors import ConfigError, NotSent
from notifyd.providers import ProviderContext
from notifyd.providers.webhook import WebhookConfig, WebhookProvider, build_webhook
from notifyd.wire.public_only import NotPublic
from notifyd.wire.transport import Request, Response
from tests.fakes.system import FakeClock, FakeEntropy
from tests.fakes.transport import FakeTransport
from tests.support.deliveries import delivery_of
from tests.support.hostile_server import HostileServer, answer, answering, hostile_server
from tests.support.loopback_tls import CERTIFICATE, server_context

# The scheme's own example secret.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
URL = "https://receiver.example.com/hooks/1?token=s3cret"
CHAT = Chat("A &lt;b&gt; &amp;amp; c", blocks=b'[{"type":"divider"}]')


def provider(
    *answers: Response | NotSent, secrets: tuple[str, ...] = (SECRET,), **config: object
) -> tuple[WebhookProvider, FakeTransport]:
    transport = FakeTransport(answers)
    known = WebhookConfig.model_validate({"secrets": ["env:NOT_READ_HERE"], **config})
    signers = [Webhook(secret) for secret in secrets]
    return (
        WebhookProvider(known, signers=signers, transport=transport, clock=FakeClock(), send_timeout_s=5.0),
        transport,
    )


def to(url: str = URL, chat: Chat = CHAT) -> Delivery:
    return delivery_of(
        chat, Channel.CHAT, url, delivery_id="ID7", event_id="e1", user_id="u1", arrival_s=1_700_000_000.25
    )


def signature(secret: str, body: bytes) -> str:
    """By the scheme's text, not by the library."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = hmac.digest(key, b"ID7.1700000000." + body, hashlib.sha256)
    return f"v1,{base64.b64encode(signed).decode()}"


async def test_a_receiver_gets_a_signed_payload_under_the_delivery_s_id() -> None:
    webhook, transport = provider(Response(204, {}, b""))
    assert await webhook.send([to()]) == [Accepted()]
    body = (
        b'{"type":"notification","timestamp":"2023-11-14T22:13:20.250Z","data":{"delivery_id":"ID7",'
        b'"event_id":"e1","user_id":"u1","notification_type":"payment","text":"A <b> &amp; c",'
        b'"blocks":[{"type":"divider"}]}}'
    )
    headers = {
        "content-type": "application/json",
        "user-agent": "notifyd",
        "webhook-id": "ID7",
        "webhook-timestamp": "1700000000",
        "webhook-signature": signature(SECRET, body),
    }
    assert transport.requests == [Request("POST", URL, headers, body)]


async def test_while_secrets_change_each_of_them_signs() -> None:
    other = "whsec_" + base64.b64encode(b"another secret of ours, 32 bytes").decode()
    webhook, transport = provider(Response(200, {}, b""), secrets=(SECRET, other))
    await webhook.send([to(chat=Chat("x"))])
    [request] = transport.requests
    assert "blocks" not in json.loads(request.body)["data"]
    shown = f"{signature(SECRET, request.body)} {signature(other, request.body)}"
    assert request.headers["webhook-signature"] == shown


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (Response(201, {}, b""), Accepted()),
        (Response(400, {}, b"s3cret"), Rejected(Reason.MESSAGE_REFUSED, "HTTP 400")),
        (Response(401, {}, b""), Deferred(Reason.RECIPIENT_UNAVAILABLE, answer="HTTP 401")),
        # A firewall in front of the receiver says it, too.
        (Response(403, {}, b"<html>"), Deferred(Reason.RECIPIENT_UNAVAILABLE, answer="HTTP 403")),
        (Response(404, {}, b""), Rejected(Reason.ADDRESS_INVALID, "HTTP 404")),
        (Response(405, {}, b""), Rejected(Reason.ADDRESS_INVALID, "HTTP 405")),
        (Response(410, {}, b""), AddressGone("HTTP 410")),
        (Response(413, {}, b""), Rejected(Reason.PAYLOAD_TOO_LARGE, "HTTP 413")),
        (Response(429, {"retry-after": "5"}, b""), Deferred(Reason.RECIPIENT_UNAVAILABLE, 5.0, "HTTP 429")),
        (Response(503, {"retry-after": "5"}, b""), Deferred(Reason.RECIPIENT_UNAVAILABLE, 5.0, "HTTP 503")),
        # Of some a time, of others a number of seconds: read as a time it would ask for a retry at once.
        (Response(429, {"x-ratelimit-reset": "30", "date": "Tue, 14 Nov 2023 22:13:20 GMT"}, b""),
         Deferred(Reason.RECIPIENT_UNAVAILABLE, answer="HTTP 429")),
        (Response(500, {}, b""), Unknown(Reason.RECIPIENT_UNAVAILABLE, "HTTP 500")),
        (Response(307, {"location": "https://127.0.0.1/"}, b""),
         Rejected(Reason.ADDRESS_INVALID, "HTTP 307: a redirect, which is not followed")),
        (NotSent("refused"), Deferred(Reason.RECIPIENT_UNAVAILABLE, answer="refused")),
        (NotPublic("h is at 10.0.0.1"), Rejected(Reason.ADDRESS_INVALID, "h is at 10.0.0.1")),
    ],
)  # fmt: skip
async def test_an_answer_is_classed_by_its_status_and_counts_against_nobody_else(
    given: Response | NotSent, expected: Outcome
) -> None:
    assert await provider(given)[0].send([to()]) == [expected]
    assert blame_of(expected) in {Blame.NOBODY, Blame.RECIPIENT, Blame.REQUEST}


def test_receivers_take_turns() -> None:
    webhook, _ = provider()
    one, same, other, none = (
        webhook.group_key(to(url))
        for url in ("https://a.example/1", "https://a.example/2", "https://b.example/1", "none")
    )
    assert one == same
    assert len({one, other, none}) == 3


@pytest.mark.parametrize(
    ("hosts_allow", "url", "sent"),
    [
        (["receiver.example.com"], URL, True),
        (["*.example.com"], URL, True),
        (["*.example.com"], "https://example.com/", False),
        (["*.example.com"], "https://evilexample.com/", False),
        (["other.example.com"], URL, False),
        ([], URL, False),
    ],
)
async def test_a_list_of_hosts_leaves_all_others_out(hosts_allow: list[str], url: str, *, sent: bool) -> None:
    webhook, transport = provider(Response(200, {}, b""), hosts_allow=hosts_allow)
    [outcome] = await webhook.send([to(url)])
    assert isinstance(outcome, Accepted if sent else Rejected)
    assert len(transport.requests) == sent


async def test_a_payload_over_the_scheme_s_limit_is_refused_before_any_request() -> None:
    webhook, transport = provider()
    [outcome] = await webhook.send([to(chat=Chat("x" * 20_480))])
    assert isinstance(outcome, Rejected)
    assert outcome.reason is Reason.PAYLOAD_TOO_LARGE
    assert transport.requests == []


# --- over connections ------------------------------------------------------------------------------------


async def context(clock: FakeClock, secret: str = SECRET) -> ProviderContext:
    async def no_aws(service: str, **_: object) -> None:
        raise AssertionError(service)

    return ProviderContext(
        clock=clock,
        entropy=FakeEntropy(),
        send_timeout_s=5.0,
        open_aws=no_aws,  # type: ignore[arg-type]
        secret=lambda _: SecretStr(secret),
    )


@asynccontextmanager
async def built(**config: object) -> AsyncIterator[tuple[WebhookProvider, HostileServer]]:
    page = answer(404, b"x" * 5000, Location="https://127.0.0.1/")
    async with hostile_server(answering(page), tls=server_context()) as server:
        known = WebhookConfig.model_validate({"secrets": ["env:X"], "ca_file": CERTIFICATE, **config})
        webhook = await build_webhook(known, await context(FakeClock()))
        yield webhook, server
        await webhook.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]"])
async def test_a_private_address_gets_no_connection(host: str) -> None:
    async with built() as (webhook, server):
        [outcome] = await webhook.send([to(server.url.replace("127.0.0.1", host) + "/hook")])
        assert isinstance(outcome, Rejected)
        assert outcome.reason is Reason.ADDRESS_INVALID
        assert server.connections == 0


async def test_where_it_is_allowed_a_private_address_gets_its_request_and_its_page_is_not_read() -> None:
    async with built(allow_private=True) as (webhook, server):
        assert await webhook.send([to(server.url + "/hook")]) == [Rejected(Reason.ADDRESS_INVALID, "HTTP 404")]
        assert len(server.requests) == 1


@pytest.mark.parametrize("secret", ["whsec_", "whsec_x"])
async def test_a_secret_that_cannot_sign_is_named_at_start(secret: str) -> None:
    known = WebhookConfig.model_validate({"secrets": ["env:HOOKS"]})
    with pytest.raises(ConfigError, match="env:HOOKS is no secret") as caught:
        await build_webhook(known, await context(FakeClock(), secret))
    assert caught.value.faults[0].where == "providers.webhook.secrets"
