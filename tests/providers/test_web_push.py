"""Web push: what a service is asked, what its answers mean, and that only the browser can read it."""

from __future__ import annotations

import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, derive_private_key
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from notifyd.core.blame import Blame, blame_of
from notifyd.core.channel import Channel, Lane
from notifyd.core.message import Delivery, Push
from notifyd.core.outcome import Accepted, AddressGone, Deferred, Outcome, Reason, Rejected, Unknown
from notifyd.errors import NoAnswer, NotSent
from notifyd.providers._key_file import NoKey
from notifyd.providers._vapid import Vapid, base64url, from_base64url, vapid_key
from notifyd.providers._web_push_config import WebPushConfig
from notifyd.providers._web_push_message import encrypted
from notifyd.providers._web_push_subscription import Subscription, subscription_of
from notifyd.providers.web_push import WebPushProvider
from notifyd.sandbox.vendors._web_push_body import decrypted
from notifyd.wire.public_only import NotPublic
from notifyd.wire.transport import Request, Response
from tests.fakes.push_transport import FakePushTransport
from tests.fakes.system import FakeClock
from tests.support.deliveries import push_delivery
from tests.support.push_keys import P256, RSA, pem_of

# RFC 8291, appendix A.
PLAINTEXT = b"When I grow up, I want to be a watermelon"
SENDER = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
BROWSER = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
P256DH = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27ml"
    "mlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPT"
    "pK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)
ENDPOINT = "https://push.example.net/wpush/v2/gAAA?x=1"
PLAIN = Push(title="Paid", body="12,50 € arrived")
CREATED = Response(201, {"location": "https://push.example.net/m/abc"}, b"")


def subscription(endpoint: object = ENDPOINT, p256dh: object = P256DH, auth: object = AUTH) -> str:
    keys = {"p256dh": p256dh, "auth": auth}
    return json.dumps({"endpoint": endpoint, "expirationTime": None, "keys": keys})


def provider_over(
    transport: FakePushTransport, clock: FakeClock | None = None, **config: object
) -> WebPushProvider:
    known = WebPushConfig.model_validate({"vapid_key": "env:KEY", "contact": "mailto:ops@example.com", **config})
    clock = clock or FakeClock()
    vapid = Vapid(P256, contact=known.contact, clock=clock)
    return WebPushProvider(known, transport, vapid, clock=clock, send_timeout_s=5.0)


def to_browser(message: Push = PLAIN, *, address: str | None = None, **fields: Any) -> Delivery:
    return push_delivery(message, Channel.WEB_PUSH, address or subscription(), **fields)


async def outcome_of(answer: Response | NotSent | NoAnswer) -> Outcome:
    [outcome] = await provider_over(FakePushTransport(answer)).send([to_browser()])
    return outcome


def raw(text: str) -> bytes:
    data = from_base64url(text)
    assert data is not None
    return data


def read(request: Request) -> Any:
    """As the browser of the RFC's example does."""
    key = derive_private_key(int.from_bytes(raw(BROWSER)), SECP256R1())
    return json.loads(decrypted(request.body, key, raw(AUTH)))


def test_the_example_of_the_rfc_comes_out_byte_for_byte() -> None:
    known = subscription_of(subscription(), http_allowed=False)
    assert isinstance(known, Subscription)
    sender = derive_private_key(int.from_bytes(raw(SENDER)), SECP256R1())
    assert base64url(encrypted(PLAINTEXT, known, sender=sender, salt=raw(SALT))) == BODY


async def test_a_request_is_as_the_rfcs_have_it() -> None:
    transport = FakePushTransport(CREATED)
    sent = to_browser(delivery_id="D" * 26, deadline_at_s=1_700_003_600.0)
    assert await provider_over(transport).send([sent]) == [Accepted("abc")]
    [request] = transport.requests
    authorization = request.headers.pop("authorization")
    assert (request.method, request.url) == ("POST", ENDPOINT)
    assert request.headers == {
        "content-encoding": "aes128gcm",
        "content-type": "application/octet-stream",
        "ttl": "3600",
        "urgency": "high",
        "topic": "D" * 26,
    }
    token, key = authorization.removeprefix("vapid t=").split(", k=")
    assert len(raw(key)) == 65
    claims = jwt.decode(
        token,
        P256.public_key(),
        algorithms=["ES256"],
        audience="https://push.example.net",
        options={"verify_exp": False},
    )
    assert claims == {
        "aud": "https://push.example.net",
        "exp": 1_700_000_000 + 12 * 3600,
        "sub": "mailto:ops@example.com",
    }
    assert read(request) == {
        "title": "Paid",
        "body": "12,50 € arrived",
        "tag": "D" * 26,
        "data": {"delivery_id": "D" * 26},
    }


async def test_every_part_of_a_push_has_its_place() -> None:
    transport = FakePushTransport(CREATED)
    message = replace(
        PLAIN,
        data=(("order", "7"),),
        badge=3,
        image_url="https://example.com/i.png",
        link="https://example.com/o/7",
        collapse_id="order 7",
    )
    provider = provider_over(transport, icon="https://example.com/icon.png")
    await provider.send([to_browser(message, delivery_id="D" * 26, lane=Lane.BULK)])
    [request] = transport.requests
    assert request.headers["urgency"] == "low"
    assert len(request.headers["topic"]) == 32
    assert read(request) == {
        "title": "Paid",
        "body": "12,50 € arrived",
        "icon": "https://example.com/icon.png",
        "image": "https://example.com/i.png",
        "tag": "order 7",
        "app_badge": 3,
        "link": "https://example.com/o/7",
        "data": {"order": "7", "delivery_id": "D" * 26},
    }


async def test_a_silent_push_is_data_alone() -> None:
    transport = FakePushTransport(CREATED)
    await provider_over(transport).send([to_browser(Push(data=(("sync", "1"),)), delivery_id="D" * 26)])
    assert read(transport.requests[0]) == {"data": {"sync": "1", "delivery_id": "D" * 26}}


async def test_a_stand_in_gets_all_pushes_under_their_own_paths() -> None:
    transport = FakePushTransport(CREATED)
    await provider_over(transport, base_url="http://127.0.0.1:8").send([to_browser()])
    [request] = transport.requests
    assert request.url == "http://127.0.0.1:8/wpush/v2/gAAA?x=1"
    token = request.headers["authorization"].removeprefix("vapid t=").partition(",")[0]
    assert jwt.decode(token, options={"verify_signature": False})["aud"] == "http://127.0.0.1:8"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "https://push.example.net/x",
        "[]",
        '{"endpoint": "https://push.example.net/x"}',
        subscription(endpoint=7),
        subscription(endpoint="push.example.net/x"),
        subscription(endpoint="http://push.example.net/x"),
        subscription(endpoint="ftp://push.example.net/x"),
        subscription(endpoint="https://ann:pw@push.example.net/x"),
        subscription(endpoint="https://push.example.net/\r\nhost: x"),
        subscription(p256dh=""),
        subscription(p256dh=P256DH[:-4]),
        subscription(p256dh=base64url(b"\4" + b"\1" * 64)),
        subscription(auth=AUTH[:-4]),
        subscription(auth="not base64url!"),
    ],
)
async def test_what_is_no_subscription_is_refused_before_any_request(address: str) -> None:
    transport = FakePushTransport(CREATED)
    [outcome] = await provider_over(transport).send([replace(to_browser(), address=address)])
    assert isinstance(outcome, Rejected)
    assert outcome.reason is Reason.ADDRESS_INVALID
    assert AUTH not in outcome.answer
    assert transport.requests == []


async def test_what_is_past_its_deadline_is_still_worth_a_second() -> None:
    """Edge's push service answers 400 to a TTL of 0."""
    transport = FakePushTransport(CREATED)
    await provider_over(transport).send([replace(to_browser(), deadline_at_s=0.0)])
    assert transport.requests[0].headers["ttl"] == "1"


@pytest.mark.parametrize(
    ("hosts_allow", "sent"),
    [(["push.example.net"], True), (["*.example.net"], True), (["example.net"], False), ([], False)],
)
async def test_a_list_of_hosts_leaves_all_others_out(hosts_allow: list[str], *, sent: bool) -> None:
    transport = FakePushTransport(CREATED)
    [outcome] = await provider_over(transport, hosts_allow=hosts_allow).send([to_browser()])
    assert isinstance(outcome, Accepted if sent else Rejected)
    assert len(transport.requests) == sent


async def test_padded_keys_are_read_as_well() -> None:
    address = subscription(p256dh=f"{P256DH}=", auth=f"{AUTH}==")
    [outcome] = await provider_over(FakePushTransport(CREATED)).send([to_browser(address=address)])
    assert isinstance(outcome, Accepted)


async def test_the_body_has_4096_bytes_at_most_and_is_shortened_where_the_template_allows() -> None:
    transport = FakePushTransport(CREATED)
    large = replace(PLAIN, body="wörter " * 1000)
    [outcome] = await provider_over(transport).send([to_browser(large)])
    assert isinstance(outcome, Rejected)
    assert outcome.reason is Reason.PAYLOAD_TOO_LARGE
    assert transport.requests == []
    await provider_over(transport).send([to_browser(replace(large, shorten=True))])
    [request] = transport.requests
    assert 4080 <= len(request.body) <= 4096
    assert read(request)["body"].endswith("…")


@given(title=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200))
async def test_whatever_is_said_the_browser_reads_it(title: str) -> None:
    transport = FakePushTransport(CREATED)
    await provider_over(transport).send([to_browser(Push(title=title))])
    assert read(transport.requests[0])["title"] == title


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Response(201, {}, b""), Accepted()),
        (Response(201, {"x-wns-status": "received"}, b""), Accepted()),
        (
            Response(201, {"x-wns-status": "dropped"}, b""),
            Deferred(Reason.RECIPIENT_UNAVAILABLE, answer="HTTP 201 dropped"),
        ),
        (
            Response(200, {"x-wns-status": "channelthrottled"}, b""),
            Deferred(Reason.RECIPIENT_UNAVAILABLE, answer="HTTP 200 channelthrottled"),
        ),
        (Response(404, {}, b"secret"), AddressGone("HTTP 404")),
        (Response(410, {}, b"secret"), AddressGone("HTTP 410")),
        (Response(410, {"x-wns-error-description": "Revoked channel URL"}, b""), AddressGone("HTTP 410")),
        (
            Response(410, {"x-wns-error-description": "The sending domain has been blocked."}, b""),
            Deferred(Reason.RECIPIENT_UNAVAILABLE, answer="HTTP 410 domain blocked"),
        ),
        (Response(401, {}, b"secret"), Deferred(Reason.RECIPIENT_UNAVAILABLE, answer="HTTP 401")),
        (Response(403, {}, b"secret"), Deferred(Reason.RECIPIENT_UNAVAILABLE, answer="HTTP 403")),
        (Response(400, {}, b"secret"), Rejected(Reason.MESSAGE_REFUSED, "HTTP 400")),
        (Response(413, {}, b"secret"), Rejected(Reason.PAYLOAD_TOO_LARGE, "HTTP 413")),
        (Response(405, {}, b"secret"), Deferred(Reason.RECIPIENT_UNAVAILABLE, answer="HTTP 405")),
        (Response(429, {"retry-after": "60"}, b""), Deferred(Reason.RECIPIENT_UNAVAILABLE, 60.0, "HTTP 429")),
        (
            Response(406, {"retry-after": "60"}, b""),
            Deferred(Reason.RECIPIENT_UNAVAILABLE, 60.0, "HTTP 406 throttled"),
        ),
        (Response(503, {"retry-after": "1"}, b""), Deferred(Reason.RECIPIENT_UNAVAILABLE, 1.0, "HTTP 503")),
        (Response(500, {}, b"secret"), Unknown(Reason.RECIPIENT_UNAVAILABLE, "HTTP 500")),
        (Response(204, {}, b"secret"), Unknown(Reason.RECIPIENT_UNAVAILABLE, "HTTP 204")),
        (NotSent("no way"), Deferred(Reason.RECIPIENT_UNAVAILABLE, answer="no way")),
        (NotPublic("x is at 10.0.0.1"), Rejected(Reason.ADDRESS_INVALID, "x is at 10.0.0.1")),
        (NoAnswer("silence"), Unknown(Reason.RECIPIENT_UNAVAILABLE, "silence")),
    ],
)
async def test_an_answer_is_classed_by_its_status_and_never_shown(
    answer: Response | NotSent | NoAnswer, outcome: Outcome
) -> None:
    assert await outcome_of(answer) == outcome


@pytest.mark.parametrize(
    "answer",
    [
        *(
            Response(status, {}, b"")
            for status in (204, 307, 400, 401, 402, 403, 404, 405, 407, 410, 413, 429, 500, 503)
        ),
        NotSent("no way"),
        NoAnswer("silence"),
    ],
)
async def test_an_endpoint_that_a_user_chose_counts_against_nobody_else(
    answer: Response | NotSent | NoAnswer,
) -> None:
    assert blame_of(await outcome_of(answer)) in {Blame.NOBODY, Blame.RECIPIENT, Blame.REQUEST}


def refusing(*hosts: str, status: int = 403) -> FakePushTransport:
    """All others accept."""
    return FakePushTransport(
        lambda request: Response(status, {}, b"") if request.url.split("/")[2] in hosts else CREATED
    )


async def blamed(provider: WebPushProvider, host: str) -> Blame:
    [outcome] = await provider.send([to_browser(address=subscription(f"https://{host}/x"))])
    return blame_of(outcome)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_vapid_key_that_all_push_services_refuse_is_ours_to_mend(status: int) -> None:
    hosts = [f"{name}.example" for name in "abcd"]
    provider = provider_over(refusing(*hosts, status=status))
    blames = [await blamed(provider, host) for host in hosts]
    assert blames == [Blame.RECIPIENT, Blame.RECIPIENT, Blame.CONFIG, Blame.CONFIG]


async def test_one_endpoint_that_refuses_the_vapid_key_again_and_again_stops_nobody_else() -> None:
    provider = provider_over(refusing("hostile.example"))
    assert {await blamed(provider, "hostile.example") for _ in range(20)} == {Blame.RECIPIENT}


async def test_a_vapid_key_that_somebody_accepts_is_no_fault_of_ours() -> None:
    hosts = [f"{number}.hostile.example" for number in range(20)]
    provider = provider_over(refusing(*hosts))
    for host in hosts:
        assert await blamed(provider, host) is Blame.RECIPIENT
        assert await blamed(provider, "good.example") is Blame.NOBODY


def test_push_services_take_turns() -> None:
    provider = provider_over(FakePushTransport(CREATED))
    one, same, other, none = (
        provider.group_key(to_browser(address=address))
        for address in (
            subscription("https://a.example/1"),
            subscription("https://a.example/2"),
            subscription("https://b.example/1"),
            "no JSON",
        )
    )
    assert one == same
    assert len({one, other, none}) == 3


async def test_a_redirect_leads_nowhere() -> None:
    outcome = await outcome_of(Response(307, {"location": "http://169.254.169.254/"}, b""))
    assert isinstance(outcome, Deferred)
    assert "169" not in outcome.answer


def test_an_origins_token_is_made_anew_after_half_its_life(clock: FakeClock) -> None:
    vapid = Vapid(P256, contact="mailto:ops@example.com", clock=clock)
    first = vapid.header("https://a.example")
    clock.advance(6 * 3600 - 1)
    assert vapid.header("https://a.example") == first
    assert vapid.header("https://b.example") != first
    clock.advance(1)
    assert vapid.header("https://a.example") != first


def test_a_key_may_be_pem_or_the_scalar_that_tools_print() -> None:
    scalar = base64url(P256.private_numbers().private_value.to_bytes(32))
    for text in (pem_of(P256), scalar, f"{scalar}=\n"):
        assert vapid_key(text).private_numbers() == P256.private_numbers()


@pytest.mark.parametrize("text", ["", "hush", "A" * 43, pem_of(RSA), base64url(b"\xff" * 32)])
def test_what_is_no_key_is_said_without_repeating_it(text: str) -> None:
    with pytest.raises(NoKey) as raised:
        vapid_key(text)
    assert "hush" not in str(raised.value)


@pytest.mark.parametrize("contact", ["ops@example.com", "mailto:", "http://example.com", "mailto:a b@example.com"])
def test_a_contact_is_a_mailto_or_https_url(contact: str) -> None:
    with pytest.raises(ValueError, match="contact"):
        WebPushConfig.model_validate({"vapid_key": "env:KEY", "contact": contact})
