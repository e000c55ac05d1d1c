"""FCM: what it is asked, what its answers mean, and its access token's times."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs

import jwt
import pytest
from msgspec.structs import replace

from notifyd.core.channel import Channel, Lane
from notifyd.core.message import Delivery, Push
from notifyd.core.outcome import Accepted, AddressGone, Deferred, Outcome, Reason, Rejected, Unknown
from notifyd.errors import NoAnswer, NotSent, TransportError
from notifyd.providers._fcm_config import FcmConfig
from notifyd.providers._google_token import AccessToken, ServiceAccount
from notifyd.providers._key_file import NoKey
from notifyd.providers.fcm import FcmProvider
from notifyd.wire.transport import Answer, Response
from tests.fakes.push_transport import AnswerTo, FakePushTransport
from tests.fakes.system import FakeClock
from tests.fakes.transport import FakeTransport
from tests.support.deliveries import push_delivery
from tests.support.push_keys import P256, RSA, SERVICE_ACCOUNT, pem_of

TOKEN = "dQw4w9WgXcQ:APA91bH" + "x" * 120
PLAIN = Push(title="Paid", body="12,50 € arrived")
ACCOUNT = json.loads(SERVICE_ACCOUNT)
SENT = Response(200, {}, b'{"name": "projects/shop-1/messages/0:1"}')
FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"


def granted(number: int, expires_in: int = 3599) -> Response:
    token = {"access_token": f"ya29.{number}", "expires_in": expires_in, "token_type": "Bearer"}
    return Response(200, {}, json.dumps(token).encode())


class Rig:
    """FCM and the token endpoint, each as the test says."""

    def __init__(
        self, answer: Answer | AnswerTo = SENT, tokens: Iterable[Response | TransportError] | None = None
    ) -> None:
        self.clock = FakeClock()
        self.endpoint = FakeTransport([granted(1)] if tokens is None else tokens)
        self.transport = FakePushTransport(answer)
        account, key = ServiceAccount.parse(SERVICE_ACCOUNT)
        access = AccessToken(account, key, self.endpoint, url=account.token_uri, clock=self.clock, timeout_s=2.0)
        config = FcmConfig.model_validate({"service_account": "env:ACCOUNT", "channel_id": "orders"})
        self.provider = FcmProvider(
            config, self.transport, access, project_id="shop-1", clock=self.clock, timeout_s=4.5
        )

    async def send(self, delivery: Delivery | None = None) -> Outcome:
        [outcome] = await self.provider.send([delivery or to_android()])
        return outcome

    @property
    def bearers(self) -> list[str]:
        return [request.headers["authorization"] for request in self.transport.requests]


def to_android(message: Push = PLAIN, *, address: str = TOKEN, **fields: Any) -> Delivery:
    return push_delivery(message, Channel.PUSH_ANDROID, address, **fields)


def refusal(code: int, status: str, *details: dict[str, Any], message: str = "", **headers: str) -> Response:
    body = {"error": {"code": code, "status": status, "message": message, "details": list(details)}}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(code, named, json.dumps(body).encode())


def fcm_error(code: str) -> dict[str, Any]:
    return {"@type": FCM_ERROR, "errorCode": code}


def violation(field: str) -> dict[str, Any]:
    return {"@type": BAD_REQUEST, "fieldViolations": [{"field": field, "description": "is wrong"}]}


def quota(subject: str) -> dict[str, Any]:
    return {
        "@type": "type.googleapis.com/google.rpc.QuotaFailure",
        "violations": [{"subject": subject, "description": "Message rate exceeded"}],
    }


async def test_a_request_is_as_google_documents_it() -> None:
    rig = Rig()
    sent = to_android(delivery_id="D" * 26, deadline_at_s=1_700_003_600.0)
    assert await rig.send(sent) == Accepted("projects/shop-1/messages/0:1")
    [request] = rig.transport.requests
    assert (request.method, request.url) == (
        "POST",
        "https://fcm.googleapis.com/v1/projects/shop-1/messages:send",
    )
    assert request.headers == {"authorization": "Bearer ya29.1", "content-type": "application/json"}
    assert json.loads(request.body) == {
        "message": {
            "token": TOKEN,
            "notification": {"title": "Paid", "body": "12,50 € arrived"},
            "data": {"delivery_id": "D" * 26},
            "android": {
                "priority": "HIGH",
                "ttl": "3600s",
                "notification": {"tag": "D" * 26, "channel_id": "orders"},
            },
        }
    }


async def test_every_part_of_a_push_has_its_place() -> None:
    rig = Rig()
    message = replace(
        PLAIN,
        data=(("order", "7"),),
        badge=3,
        sound="default",
        image_url="https://example.com/i.png",
        link="https://example.com/o/7",
        collapse_id="order-7",
    )
    await rig.send(to_android(message, delivery_id="D" * 26, deadline_at_s=1_700_000_060.0))
    assert json.loads(rig.transport.requests[0].body)["message"] == {
        "token": TOKEN,
        "notification": {"title": "Paid", "body": "12,50 € arrived", "image": "https://example.com/i.png"},
        "data": {"order": "7", "delivery_id": "D" * 26, "link": "https://example.com/o/7"},
        "android": {
            "priority": "HIGH",
            "ttl": "60s",
            "collapse_key": "order-7",
            "notification": {
                "tag": "order-7",
                "sound": "default",
                "notification_count": 3,
                "channel_id": "orders",
            },
        },
    }


async def test_a_silent_push_is_data_alone_at_normal_priority() -> None:
    rig = Rig()
    await rig.send(to_android(Push(data=(("sync", "1"),)), delivery_id="D" * 26, deadline_at_s=1_700_000_001.0))
    assert json.loads(rig.transport.requests[0].body)["message"] == {
        "token": TOKEN,
        "data": {"sync": "1", "delivery_id": "D" * 26},
        "android": {"priority": "NORMAL", "ttl": "1s"},
    }


async def test_bulk_goes_at_normal_priority_and_lives_for_28_days_at_most() -> None:
    rig = Rig()
    await rig.send(to_android(lane=Lane.BULK, deadline_at_s=1_800_000_000.0))
    android = json.loads(rig.transport.requests[0].body)["message"]["android"]
    assert (android["priority"], android["ttl"]) == ("NORMAL", "2419200s")


@pytest.mark.parametrize("address", ["", "short", "x" * 5000, f"{TOKEN}\n", f"{TOKEN} x", "ü" * 150])
async def test_what_is_no_registration_token_is_refused_before_any_request(address: str) -> None:
    rig = Rig()
    outcome = await rig.send(to_android(address=address))
    assert isinstance(outcome, Rejected)
    assert outcome.reason is Reason.ADDRESS_INVALID
    assert rig.transport.requests == []


@pytest.mark.parametrize("name", ["from", "message_type", "google.x", "gcm.notification.title"])
async def test_names_that_are_fcms_own_are_refused_before_any_request(name: str) -> None:
    rig = Rig()
    outcome = await rig.send(to_android(replace(PLAIN, data=((name, "1"),))))
    assert isinstance(outcome, Rejected)
    assert outcome.reason is Reason.MESSAGE_REFUSED
    assert rig.transport.requests == []


async def test_over_4096_bytes_is_refused_or_where_the_template_allows_shortened() -> None:
    rig = Rig()
    large = replace(PLAIN, body="wörter " * 1000)
    outcome = await rig.send(to_android(large))
    assert isinstance(outcome, Rejected)
    assert outcome.reason is Reason.PAYLOAD_TOO_LARGE
    assert rig.transport.requests == []
    assert isinstance(await rig.send(to_android(replace(large, shorten=True))), Accepted)
    message = json.loads(rig.transport.requests[0].body)["message"]
    assert message["notification"]["body"].endswith("…")
    shown = (message["notification"], message["data"], message["android"]["notification"])
    assert 3800 < sum(len(json.dumps(part, ensure_ascii=False).encode()) for part in shown) <= 4096


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (refusal(404, "NOT_FOUND", fcm_error("UNREGISTERED")), AddressGone("404 NOT_FOUND UNREGISTERED")),
        (refusal(404, "NOT_FOUND"), Deferred(Reason.SENDER_REFUSED, answer="404 NOT_FOUND")),
        (
            refusal(400, "INVALID_ARGUMENT", fcm_error("INVALID_ARGUMENT")),
            Rejected(Reason.ADDRESS_INVALID, "400 INVALID_ARGUMENT INVALID_ARGUMENT"),
        ),
        (
            refusal(400, "INVALID_ARGUMENT", fcm_error("INVALID_ARGUMENT"), violation("message.token")),
            Rejected(Reason.ADDRESS_INVALID, "400 INVALID_ARGUMENT INVALID_ARGUMENT"),
        ),
        (
            refusal(400, "INVALID_ARGUMENT", fcm_error("INVALID_ARGUMENT"), violation("message.android.ttl")),
            Rejected(Reason.MESSAGE_REFUSED, "400 INVALID_ARGUMENT INVALID_ARGUMENT"),
        ),
        (
            refusal(400, "INVALID_ARGUMENT", violation("message.data")),
            Rejected(Reason.MESSAGE_REFUSED, "400 INVALID_ARGUMENT"),
        ),
        (
            refusal(400, "INVALID_ARGUMENT", violation("message"), message="Android message is too big"),
            Rejected(Reason.PAYLOAD_TOO_LARGE, "400 INVALID_ARGUMENT"),
        ),
        (
            refusal(403, "PERMISSION_DENIED", fcm_error("SENDER_ID_MISMATCH")),
            Rejected(Reason.ADDRESS_INVALID, "403 PERMISSION_DENIED SENDER_ID_MISMATCH"),
        ),
        (Response(405, {}, b"<html>"), Deferred(Reason.CREDENTIALS, answer="405")),
        (Response(407, {}, b"<html>"), Deferred(Reason.CREDENTIALS, answer="407")),
        (refusal(403, "PERMISSION_DENIED"), Deferred(Reason.CREDENTIALS, answer="403 PERMISSION_DENIED")),
        (
            refusal(429, "RESOURCE_EXHAUSTED", fcm_error("QUOTA_EXCEEDED"), retry_after="30"),
            Deferred(Reason.THROTTLED, 30.0, "429 RESOURCE_EXHAUSTED QUOTA_EXCEEDED"),
        ),
        (
            refusal(
                429, "RESOURCE_EXHAUSTED", fcm_error("QUOTA_EXCEEDED"), quota("device: cHJvamVj"), retry_after="9"
            ),
            Deferred(Reason.RECIPIENT_UNAVAILABLE, 9.0, "429 RESOURCE_EXHAUSTED QUOTA_EXCEEDED"),
        ),
        (
            refusal(
                429, "RESOURCE_EXHAUSTED", fcm_error("QUOTA_EXCEEDED"), message="Device message rate exceeded"
            ),
            Deferred(Reason.RECIPIENT_UNAVAILABLE, answer="429 RESOURCE_EXHAUSTED QUOTA_EXCEEDED"),
        ),
        (
            refusal(429, "RESOURCE_EXHAUSTED", fcm_error("QUOTA_EXCEEDED"), quota("project_number: 7")),
            Deferred(Reason.THROTTLED, answer="429 RESOURCE_EXHAUSTED QUOTA_EXCEEDED"),
        ),
        (
            refusal(503, "UNAVAILABLE", fcm_error("UNAVAILABLE")),
            Deferred(Reason.PROVIDER_ERROR, answer="503 UNAVAILABLE UNAVAILABLE"),
        ),
        (
            refusal(500, "INTERNAL", fcm_error("INTERNAL")),
            Unknown(Reason.PROVIDER_ERROR, "500 INTERNAL INTERNAL"),
        ),
        (Response(503, {}, b"<html>"), Unknown(Reason.PROVIDER_ERROR, "503")),
        (Response(200, {}, b"<html>"), Unknown(Reason.ANSWER_UNREADABLE)),
        (NotSent("no way"), Deferred(Reason.NO_CONNECTION, answer="no way")),
        (NoAnswer("silence"), Unknown(Reason.NO_ANSWER, "silence")),
    ],
)
async def test_a_refusal_is_classed_by_what_its_details_say(answer: Answer, outcome: Outcome) -> None:
    assert await Rig(answer).send() == outcome


async def test_the_access_token_is_asked_for_by_a_signed_assertion_once() -> None:
    rig = Rig()
    await asyncio.gather(*(rig.send() for _ in range(5)))
    [request] = rig.endpoint.requests
    assert (request.method, request.url) == ("POST", ACCOUNT["token_uri"])
    form = parse_qs(request.body.decode())
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    [assertion] = form["assertion"]
    claims = jwt.decode(assertion, options={"verify_signature": False})
    jwt.decode(
        assertion,
        RSA.public_key(),
        algorithms=["RS256"],
        audience=ACCOUNT["token_uri"],
        options={"verify_exp": False, "verify_iat": False},
    )
    assert jwt.get_unverified_header(assertion)["kid"] == "key-1"
    assert claims["iss"] == ACCOUNT["client_email"]
    assert claims["scope"] == "https://www.googleapis.com/auth/firebase.messaging"
    assert (claims["iat"], claims["exp"]) == (1_700_000_000, 1_700_003_600)


async def test_near_its_end_the_token_is_renewed_beside_the_sends() -> None:
    rig = Rig(tokens=[granted(1), granted(2)])
    await rig.send()
    rig.clock.advance(3_100)
    await rig.send()
    assert rig.bearers == ["Bearer ya29.1", "Bearer ya29.1"]
    await asyncio.sleep(0.0)  # noqa: TID251 - lets the refresh come to its end
    await asyncio.sleep(0.0)  # noqa: TID251
    await rig.send()
    assert rig.bearers[-1] == "Bearer ya29.2"


async def test_at_its_end_sends_wait_for_the_next_token() -> None:
    rig = Rig(tokens=[granted(1), granted(2)])
    await rig.send()
    rig.clock.advance(3_590)
    await rig.send()
    assert rig.bearers == ["Bearer ya29.1", "Bearer ya29.2"]


async def test_a_refresh_that_fails_leaves_the_token_that_still_lives() -> None:
    rig = Rig(tokens=[granted(1), NotSent("no way"), granted(2)])
    await rig.send()
    rig.clock.advance(3_100)
    assert isinstance(await rig.send(), Accepted)
    assert isinstance(await rig.send(), Accepted)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (NotSent("no way"), Reason.NO_CONNECTION),
        (NoAnswer("silence"), Reason.NO_CONNECTION),
        (Response(400, {}, b'{"error": "invalid_grant"}'), Reason.CREDENTIALS),
        (Response(503, {}, b"<html>"), Reason.PROVIDER_ERROR),
        (Response(200, {}, b"<html>"), Reason.PROVIDER_ERROR),
    ],
)
async def test_without_an_access_token_nothing_was_sent(answer: Response | TransportError, reason: Reason) -> None:
    rig = Rig(tokens=[answer])
    outcome = await rig.send()
    assert isinstance(outcome, Deferred)
    assert outcome.reason is reason
    assert rig.transport.requests == []


async def test_a_refusing_token_endpoint_is_asked_again_after_a_pause_only() -> None:
    rig = Rig(tokens=[Response(400, {}, b'{"error": "invalid_grant"}'), granted(1)])
    assert await rig.send() == await rig.send()
    assert len(rig.endpoint.requests) == 1
    rig.clock.advance(5.0)
    assert isinstance(await rig.send(), Accepted)


async def test_a_token_that_fcm_refuses_is_replaced() -> None:
    answers = [refusal(401, "UNAUTHENTICATED"), SENT]
    rig = Rig(lambda _: answers.pop(0), tokens=[granted(1), granted(2)])
    assert isinstance(await rig.send(), Deferred)
    assert await rig.send() == Deferred(Reason.CREDENTIALS, answer="the access token was refused")
    rig.clock.advance(5.0)
    assert isinstance(await rig.send(), Accepted)
    assert rig.bearers == ["Bearer ya29.1", "Bearer ya29.2"]


async def test_a_refusal_of_another_services_credentials_keeps_the_token() -> None:
    rig = Rig(refusal(401, "UNAUTHENTICATED", fcm_error("THIRD_PARTY_AUTH_ERROR")))
    assert isinstance(await rig.send(), Deferred)
    await rig.send()
    assert rig.bearers == ["Bearer ya29.1", "Bearer ya29.1"]


async def test_who_is_cancelled_while_waiting_for_a_token_leaves_it_to_the_others() -> None:
    rig = Rig()
    impatient, patient = asyncio.create_task(rig.send()), asyncio.create_task(rig.send())
    await asyncio.sleep(0.0)  # noqa: TID251 - both wait for the token now
    impatient.cancel()
    assert isinstance(await patient, Accepted)


async def test_whoever_closes_can_be_cancelled_while_a_token_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: object, timeout_s: float) -> Response:  # noqa: ARG001 - Transport's
        return await asyncio.Future()

    rig = Rig()
    monkeypatch.setattr(rig.endpoint, "send", never)
    sending = asyncio.create_task(rig.send())
    for _ in range(3):
        await asyncio.sleep(0)  # noqa: TID251 - it waits for the token now
    closing = asyncio.create_task(rig.provider.close())
    await asyncio.sleep(0)  # noqa: TID251 - and this for the end of that
    closing.cancel()
    await asyncio.wait([closing, sending])
    assert closing.cancelled()


async def test_problems_are_those_of_the_service_account() -> None:
    assert await Rig().provider.problems() == []
    [fault] = await Rig(tokens=[Response(400, {}, b'{"error": "invalid_grant"}')]).provider.problems()
    assert (fault.where, fault.what) == ("providers.fcm", "no access token: 400 invalid_grant")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hush",
        "{}",
        json.dumps(ACCOUNT | {"private_key": "hush"}),
        json.dumps(ACCOUNT | {"private_key": pem_of(P256)}),
    ],
)
def test_what_is_no_key_file_is_said_without_repeating_it(text: str) -> None:
    with pytest.raises(NoKey) as raised:
        ServiceAccount.parse(text)
    assert "hush" not in str(raised.value)
