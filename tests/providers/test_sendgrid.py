"""What SendGrid is sent, as its reference of Mail Send has it, and what its answers mean."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from notifyd.core.outcome import Accepted, Deferred, Outcome, Reason, Rejected, Unknown
from notifyd.errors import TransportError
from notifyd.providers.sendgrid import SendGridConfig, SendGridProvider
from notifyd.wire.transport import Request, Response
from tests.fakes.transport import FakeTransport
from tests.support.deliveries import PLAIN, delivery

QUEUED = Response(202, {"x-message-id": "14c5d75ce93.dfd.64b469"}, b"")


def provider(*answers: Response | TransportError, **config: object) -> tuple[SendGridProvider, FakeTransport]:
    transport = FakeTransport(answers)
    known = SendGridConfig.model_validate(
        {"sender": "Bücher & Co <shop@example.com>", "api_key": "env:NOT_READ_HERE", **config}
    )
    return SendGridProvider(known, api_key="SG.key", transport=transport, send_timeout_s=5.0), transport


async def test_a_mail_is_one_personalization_with_its_id_in_custom_args() -> None:
    sendgrid, transport = provider(QUEUED, reply_to=["Help <help@example.com>"])
    mail = replace(PLAIN, headers=(("List-Unsubscribe", "<https://e.example/u>"),), tags=(("type", "payment"),))
    assert await sendgrid.send([delivery(mail, delivery_id="ID7")]) == [Accepted("14c5d75ce93.dfd.64b469")]
    body = (
        '{"personalizations":[{"to":[{"email":"ann@example.com"}],'
        '"custom_args":{"type":"payment","delivery_id":"ID7"}}],'
        '"from":{"email":"shop@example.com","name":"Bücher & Co"},'
        '"subject":"Your payment",'
        '"content":[{"type":"text/plain","value":"It arrived.\\n"},'
        '{"type":"text/html","value":"<p>It arrived.</p>\\n"}],'
        '"reply_to_list":[{"email":"help@example.com","name":"Help"}],'
        '"headers":{"List-Unsubscribe":"<https://e.example/u>"}}'
    )
    assert transport.requests == [
        Request(
            "POST",
            "https://api.sendgrid.com/v3/mail/send",
            {"authorization": "Bearer SG.key", "content-type": "application/json"},
            body.encode(),
        )
    ]


async def test_a_template_s_reply_to_goes_before_the_configured_one() -> None:
    sendgrid, transport = provider(QUEUED, reply_to=["help@example.com"])
    await sendgrid.send([delivery(replace(PLAIN, headers=(("reply-to", "Ann <ann@shop.example>"),)))])
    body = json.loads(transport.requests[0].body)
    assert body["reply_to_list"] == [{"email": "ann@shop.example", "name": "Ann"}]
    assert "headers" not in body


def refused(status: int, message: str, field: str | None = None, **headers: str) -> Response:
    body = json.dumps({"errors": [{"message": message, "field": field, "help": None}]}).encode()
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            refused(400, "Does not contain a valid address.", "personalizations.0.to.0.email"),
            Rejected(
                Reason.ADDRESS_INVALID,
                "HTTP 400 personalizations.0.to.0.email Does not contain a valid address.",
            ),
        ),
        (
            refused(400, "The from email does not contain a valid address.", "from.email"),
            Deferred(
                Reason.SENDER_REFUSED,
                answer="HTTP 400 from.email The from email does not contain a valid address.",
            ),
        ),
        (
            refused(400, "Substitutions for ann@example.com failed", "personalizations.0.substitutions"),
            Rejected(
                Reason.MESSAGE_REFUSED, "HTTP 400 personalizations.0.substitutions Substitutions for <…> failed"
            ),
        ),
        (
            refused(401, "Maximum credits exceeded"),
            Deferred(Reason.QUOTA, answer="HTTP 401 Maximum credits exceeded"),
        ),
        (
            refused(403, "access forbidden"),
            Deferred(Reason.CREDENTIALS, answer="HTTP 403 access forbidden"),
        ),
        (
            refused(
                429, "too many requests", x_ratelimit_reset="1700000060", date="Tue, 14 Nov 2023 22:13:20 GMT"
            ),
            Deferred(Reason.THROTTLED, 60.0, "HTTP 429 too many requests"),
        ),
        (Response(404, {}, b"<html>"), Deferred(Reason.CREDENTIALS, answer="HTTP 404")),
        (Response(413, {}, b""), Rejected(Reason.PAYLOAD_TOO_LARGE, "HTTP 413")),
        (
            Response(302, {}, b""),
            Deferred(Reason.CREDENTIALS, answer="HTTP 302: a redirect, which is not followed"),
        ),
        (Response(500, {}, b""), Unknown(Reason.PROVIDER_ERROR, "HTTP 500")),
        # The state of the rate limit is in each answer, and says nothing of why it failed.
        (
            Response(503, {"x-ratelimit-reset": "1700000060", "date": "Tue, 14 Nov 2023 22:13:20 GMT"}, b""),
            Unknown(Reason.PROVIDER_ERROR, "HTTP 503"),
        ),
        (Response(200, {}, b"{}"), Unknown(Reason.ANSWER_UNREADABLE, "HTTP 200")),
    ],
)
async def test_an_answer_is_classed_by_status_text_and_field(answer: Response, expected: Outcome) -> None:
    assert await provider(answer)[0].send([delivery()]) == [expected]


@pytest.mark.parametrize(
    ("answer", "key"),
    [
        (Response(401, {}, b"{}"), "api_key"),
        (Response(200, {}, b'{"scopes": ["alerts.read"]}'), "api_key"),
        (Response(200, {}, b"<html>"), "base_url"),
    ],
)
async def test_check_says_what_keeps_it_from_sending(answer: Response, key: str) -> None:
    [fault] = await provider(answer)[0].problems()
    assert fault.where == f"providers.sendgrid.{key}"


async def test_a_text_that_is_no_unicode_is_refused_before_any_request() -> None:
    sendgrid, transport = provider()
    [outcome] = await sendgrid.send([delivery(replace(PLAIN, text="half \ud83c"))])
    assert isinstance(outcome, Rejected)
    assert transport.requests == []


async def test_a_mail_over_the_limit_is_refused_before_any_request() -> None:
    sendgrid, transport = provider()
    [outcome] = await sendgrid.send([delivery(replace(PLAIN, text="x" * 20_000_000))])
    assert isinstance(outcome, Rejected)
    assert outcome.reason is Reason.PAYLOAD_TOO_LARGE
    assert transport.requests == []
