"""Whatever is sent, a vendor takes it or says no in its own form: nothing breaks it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

import jwt
import pytest
from aiohttp import encode_basic_auth
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook

from notifyd.sandbox.all_vendors import Vendors
from notifyd.sandbox.credentials import Credentials
from notifyd.sandbox.exchange import Refused, Request, Taken
from notifyd.sandbox.faults import Refusal
from notifyd.sandbox.inbox import Inbox, Message
from notifyd.sandbox.provider_sandbox import Sandbox
from notifyd.sandbox.vendors._web_push_body import from_base64url
from notifyd.sandbox.vendors.web_push import WebPush
from tests.fakes.system import FakeClock

KNOWN = Credentials()
CLOCK = FakeClock()
VENDORS = {vendor.name: vendor for vendor in Vendors(KNOWN, CLOCK).all()}
INBOX: Inbox[Message] = Inbox(clock=CLOCK)
ORIGIN = "https://127.0.0.1:1"
(DEVICE,), (TOKEN,) = Sandbox.device_tokens(), Sandbox.registration_tokens()
JSON, FORM = {"content-type": "application/json"}, {"content-type": "application/x-www-form-urlencoded"}


def _json(path: str, body: Any, **headers: str) -> Request:
    return Request("POST", path, "", JSON | headers, json.dumps(body).encode(), ORIGIN)


def _form(path: str, form: dict[str, str], **headers: str) -> Request:
    return Request("POST", path, "", FORM | headers, urlencode(form).encode(), ORIGIN)


def _apns_token() -> str:
    claims = {"iss": KNOWN.apns_team_id, "iat": int(CLOCK.now_s())}
    return jwt.encode(claims, KNOWN.apns_key_p8, algorithm="ES256", headers={"kid": KNOWN.apns_key_id})


def _assertion() -> str:
    now_s = int(CLOCK.now_s())
    claims = {
        "iss": KNOWN.fcm_client_email,
        "scope": "https://www.googleapis.com/auth/firebase.messaging",
        "aud": f"{ORIGIN}/token",
        "iat": now_s,
        "exp": now_s + 3600,
    }
    return jwt.encode(claims, KNOWN.fcm_private_key, algorithm="RS256", headers={"kid": KNOWN.fcm_key_id})


OAUTH = _form("/token", {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": _assertion()})


def _bearer() -> str:
    granted = VENDORS["google_oauth"].receive(OAUTH, INBOX)
    assert isinstance(granted, Taken)
    return str(json.loads(granted.answer.body)["access_token"])


def _web_push() -> Request:
    vendor = VENDORS["web_push"]
    assert isinstance(vendor, WebPush)
    path = urlsplit(vendor.subscribe(ORIGIN).endpoint).path
    claims = {"aud": ORIGIN, "exp": int(CLOCK.now_s()) + 3600, "sub": "mailto:ops@example.com"}
    scalar = int.from_bytes(from_base64url(KNOWN.vapid_private_key))
    token = jwt.encode(claims, ec.derive_private_key(scalar, ec.SECP256R1()), algorithm="ES256")
    vapid = f"vapid t={token}, k={KNOWN.vapid_public_key}"
    headers = {
        "authorization": vapid,
        "ttl": "60",
        "content-encoding": "aes128gcm",
        "topic": "a",
        "urgency": "low",
    }
    return Request("POST", path, "", headers, b"", ORIGIN)


def _webhook() -> Request:
    request = _json("/hook", {"type": "x"})
    at = datetime.now(UTC)  # noqa: TID251 - the verifier goes by the machine's clock
    signature = Webhook(KNOWN.webhook_secret).sign("D1", at, request.body.decode())
    signed = {"webhook-id": "D1", "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signature}
    return request._replace(headers={**request.headers, **signed})


SOUND = {
    "web_push": _web_push(),
    "webhook": _webhook(),
    "sendgrid": _json(
        "/v3/mail/send",
        {
            "personalizations": [{"to": [{"email": "ann@example.com"}], "custom_args": {"a": "b"}}],
            "from": {"email": "shop@example.com"},
            "subject": "Paid",
            "content": [{"type": "text/plain", "value": "x"}],
            "mail_settings": {"sandbox_mode": {"enable": False}},
        },
        authorization=f"Bearer {KNOWN.sendgrid_api_key}",
    ),
    "mailchimp": _json(
        "/api/1.0/messages/send",
        {
            "key": KNOWN.mailchimp_api_key,
            "message": {
                "to": [{"email": "ann@example.com"}],
                "from_email": "shop@example.com",
                "metadata": {"a": "b"},
            },
        },
    ),
    "sns_sms": _form(
        "/",
        {
            "Action": "Publish",
            "Version": "2010-03-31",
            "PhoneNumber": "+4915112345678",
            "Message": "x",
            "MessageAttributes.entry.1.Name": "AWS.SNS.SMS.SMSType",
            "MessageAttributes.entry.1.Value.DataType": "String",
            "MessageAttributes.entry.1.Value.StringValue": "Transactional",
        },
        authorization="AWS4-HMAC-SHA256 Credential=A/20260101/eu-west-1/sns/aws4_request",
    ),
    "twilio": _form(
        f"/2010-04-01/Accounts/{KNOWN.twilio_account_sid}/Messages.json",
        {"To": "+4915112345678", "From": "+15557771111", "Body": "x", "StatusCallback": "https://e.example/?a=b"},
        authorization=encode_basic_auth(KNOWN.twilio_account_sid, KNOWN.twilio_auth_token),
    ),
    "vonage": _form(
        "/sms/json",
        {
            "api_key": KNOWN.vonage_api_key,
            "api_secret": KNOWN.vonage_api_secret,
            "from": "Shop",
            "to": "4915112345678",
            "text": "x",
            "ttl": "60000",
        },
    ),
    "apns": _json(
        f"/3/device/{DEVICE}",
        {"aps": {"alert": {"title": "Paid", "body": "x"}}, "data": {"delivery_id": "D1"}},
        **{"authorization": f"bearer {_apns_token()}", "apns-topic": KNOWN.apns_topic, "apns-push-type": "alert"},
    ),
    "google_oauth": OAUTH,
    "fcm": _json(
        f"/v1/projects/{KNOWN.fcm_project_id}/messages:send",
        {
            "message": {
                "token": TOKEN,
                "notification": {"title": "Paid"},
                "data": {"a": "b"},
                "android": {"ttl": "1s", "notification": {"tag": "x"}},
            }
        },
        authorization=f"Bearer {_bearer()}",
    ),
    "slack": _json(
        "/api/chat.postMessage",
        {
            "channel": "C1",
            "text": "x",
            "blocks": [
                {"type": "section", "text": {"type": "mrkdwn", "text": "x"}, "fields": []},
                {"type": "actions", "elements": [{"type": "button", "text": {"type": "plain_text", "text": "x"}}]},
            ],
            "metadata": {"event_type": "x", "event_payload": {"delivery_id": "D1"}},
        },
        authorization=f"Bearer {KNOWN.slack_token}",
    ),
    "slack_webhook": _json(KNOWN.slack_hook_path, {"text": "x", "blocks": [{"type": "divider"}]}),
}
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def _places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield place
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inner:
        yield from _places(one, (*place, name))


def _changed(value: Any, place: tuple[Any, ...], new: Any) -> Any:
    if not place:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[place[0]] = _changed(value[place[0]], place[1:], new)
    return copy


def _holds(provider: str, request: Request) -> None:
    with suppress(Refused):
        VENDORS[provider].receive(request, INBOX)


@pytest.mark.parametrize("provider", SOUND)
def test_what_is_changed_below_is_sound_before(provider: str) -> None:
    CLOCK.advance(1)  # a channel of Slack's takes one message a second
    assert isinstance(VENDORS[provider].receive(SOUND[provider], INBOX), Taken)


@pytest.mark.parametrize("provider", [name for name, request in SOUND.items() if request.body.startswith(b"{")])
@settings(max_examples=25)
@given(data=st.data())
def test_any_json_in_any_place(provider: str, data: st.DataObject) -> None:
    sound = SOUND[provider]
    body = json.loads(sound.body)
    place = data.draw(st.sampled_from(list(_places(body))))
    _holds(provider, sound._replace(body=json.dumps(_changed(body, place, data.draw(ANY_JSON))).encode()))


@pytest.mark.parametrize("provider", SOUND)
@settings(max_examples=25)
@given(body=st.binary(max_size=64))
def test_any_body(provider: str, body: bytes) -> None:
    _holds(provider, SOUND[provider]._replace(body=body))


@pytest.mark.parametrize("provider", SOUND)
@settings(max_examples=25)
@given(data=st.data())
def test_any_header_path_and_query(provider: str, data: st.DataObject) -> None:
    sound = SOUND[provider]
    text = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40)
    headers = {**sound.headers, data.draw(st.sampled_from(sorted(sound.headers))): data.draw(text)}
    path = data.draw(st.just(sound.path) | text)
    method = data.draw(st.sampled_from(["GET", "POST", "PUT", ""]))
    _holds(provider, Request(method, path, data.draw(text), headers, sound.body, ORIGIN))


@pytest.mark.parametrize("provider", SOUND)
@settings(max_examples=25)
@given(data=st.data())
def test_any_text_in_any_field_of_a_form(provider: str, data: st.DataObject) -> None:
    sound = SOUND[provider]
    names = ["To", "From", "Body", "ValidityPeriod", "StatusCallback", "MessagingServiceSid", "to", "from", "text"]
    names += ["ttl", "client-ref", "type", "PhoneNumber", "Message", "MessageAttributes.entry.1.Name", "assertion"]
    more = {data.draw(st.sampled_from(names)): data.draw(st.text(max_size=12))}
    body = sound.body + b"&" + urlencode(more).encode()
    _holds(provider, sound._replace(body=body, headers={**sound.headers, **FORM}))


def test_every_refusal_of_every_vendor_can_be_said() -> None:
    for provider, vendor in VENDORS.items():
        for refusal, answer in vendor.refusals.items():
            said = answer(SOUND[provider]) if callable(answer) else answer
            assert said.status == 200 or said.status >= 400
            assert isinstance(refusal, Refusal)
