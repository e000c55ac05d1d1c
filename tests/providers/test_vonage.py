"""What Vonage is sent, as its reference of the SMS API has it, and what each part's status means."""

from __future__ import annotations

import json
from typing import Any

import pytest

from notifyd.core.channel import Channel
from notifyd.core.message import Delivery, Sms
from notifyd.core.outcome import Accepted, AddressGone, Deferred, Outcome, Reason, Rejected, Unknown
from notifyd.providers.vonage import VonageConfig, VonageProvider
from notifyd.wire.transport import Request, Response
from tests.fakes.system import FakeClock
from tests.fakes.transport import FakeTransport
from tests.support.deliveries import delivery_of

NOW_S = FakeClock().now_s()


def provider(*answers: Response, **config: object) -> tuple[VonageProvider, FakeTransport]:
    transport = FakeTransport(answers)
    known = VonageConfig.model_validate(
        {"api_key": "abcd1234", "api_secret": "env:NOT_READ_HERE", "sender": "+15005550006", **config}
    )
    vonage = VonageProvider(known, api_secret="s3cret", transport=transport, clock=FakeClock(), send_timeout_s=5.0)
    return vonage, transport


def sms(text: str = "Hello", **fields: Any) -> Delivery:
    known = {"deadline_at_s": NOW_S + 600.5, "delivery_id": "ID7", **fields}
    return delivery_of(Sms(text), Channel.SMS, "+4915123456789", **known)


def parts(*statuses: str, text: str = "no") -> Response:
    messages = [
        {"status": status, "message-id": f"0A{number}"} | ({} if status == "0" else {"error-text": text})
        for number, status in enumerate(statuses)
    ]
    return Response(200, {}, json.dumps({"message-count": str(len(messages)), "messages": messages}).encode())


@pytest.mark.parametrize(
    ("text", "in_form", "kind"),
    [("Hello", "Hello", "text"), ("ж", "%D0%B6", "unicode"), ("5 €", "5+%E2%82%AC", "text")],
)
async def test_a_message_is_a_form_with_its_id_as_client_ref(text: str, in_form: str, kind: str) -> None:
    vonage, transport = provider(parts("0"))
    assert await vonage.send([sms(text)]) == [Accepted("0A0")]
    body = (
        f"api_key=abcd1234&api_secret=s3cret&from=15005550006&to=4915123456789&text={in_form}&type={kind}"
        "&ttl=600000&client-ref=ID7"
    )
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert transport.requests == [Request("POST", "https://rest.nexmo.com/sms/json", headers, body.encode())]


async def test_what_is_late_is_valid_as_briefly_as_vonage_takes() -> None:
    vonage, transport = provider(parts("0"))
    await vonage.send([sms(deadline_at_s=0.0)])
    assert b"&ttl=20000&" in transport.requests[0].body


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (parts("0", "0"), Accepted("0A0")),
        (parts("0", "1", "0"), Unknown(Reason.PROVIDER_ERROR, "1 of 3 parts refused, 1: no")),
        (parts("1", "1"), Deferred(Reason.THROTTLED, answer="1: no")),
        (parts("3", text="Invalid value for param: to"),
         Rejected(Reason.ADDRESS_INVALID, "3: Invalid value for param: to")),
        (parts("3", text="Invalid value for param: ttl"),
         Rejected(Reason.MESSAGE_REFUSED, "3: Invalid value for param: ttl")),
        (parts("3", text="Invalid value for param: from"),
         Deferred(Reason.SENDER_REFUSED, answer="3: Invalid value for param: from")),
        (parts("99"), Unknown(Reason.PROVIDER_ERROR, "99: no")),
        (parts(), Unknown(Reason.ANSWER_UNREADABLE, "HTTP 200 without a status for any part")),
        (Response(401, {}, b"{}"), Deferred(Reason.CREDENTIALS, answer="HTTP 401")),
        (Response(429, {}, b"{}"), Deferred(Reason.THROTTLED, answer="HTTP 429")),
        (Response(502, {}, b"<html>"), Unknown(Reason.PROVIDER_ERROR, "HTTP 502")),
    ],
)  # fmt: skip
async def test_an_answer_is_classed_by_the_status_of_each_part(response: Response, expected: Outcome) -> None:
    assert await provider(response)[0].send([sms()]) == [expected]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("1", Deferred(Reason.THROTTLED, answer="1: no")),
        ("2", Rejected(Reason.MESSAGE_REFUSED, "2: no")),
        ("3", Rejected(Reason.MESSAGE_REFUSED, "3: no")),
        ("4", Deferred(Reason.CREDENTIALS, answer="4: no")),
        ("5", Unknown(Reason.PROVIDER_ERROR, "5: no")),
        ("6", Rejected(Reason.MESSAGE_REFUSED, "6: no")),
        ("7", Rejected(Reason.ON_SUPPRESSION_LIST, "7: no")),
        ("8", Deferred(Reason.ACCOUNT_PAUSED, answer="8: no")),
        ("9", Deferred(Reason.QUOTA, answer="9: no")),
        ("10", Deferred(Reason.THROTTLED, answer="10: no")),
        ("11", Deferred(Reason.CREDENTIALS, answer="11: no")),
        ("12", Rejected(Reason.PAYLOAD_TOO_LARGE, "12: no")),
        ("13", Deferred(Reason.PROVIDER_ERROR, answer="13: no")),
        ("14", Deferred(Reason.CREDENTIALS, answer="14: no")),
        ("15", Deferred(Reason.SENDER_REFUSED, answer="15: no")),
        ("16", Rejected(Reason.MESSAGE_REFUSED, "16: no")),
        ("19", Deferred(Reason.SENDER_REFUSED, answer="19: no")),
        ("20", Rejected(Reason.MESSAGE_REFUSED, "20: no")),
        ("22", Rejected(Reason.ADDRESS_INVALID, "22: no")),
        ("23", Deferred(Reason.SENDER_REFUSED, answer="23: no")),
        ("29", Deferred(Reason.SENDER_REFUSED, answer="29: no")),
        ("32", Deferred(Reason.CREDENTIALS, answer="32: no")),
        ("33", AddressGone("33: no")),
        ("34", Rejected(Reason.ADDRESS_INVALID, "34: no")),
    ],
)
async def test_every_status_that_vonage_documents_has_its_place(status: str, expected: Outcome) -> None:
    assert await provider(parts(status))[0].send([sms()]) == [expected]


def test_a_key_sends_thirty_a_second_unless_it_may_send_more() -> None:
    assert provider()[0].limits.rate_per_s == 30.0
    assert provider(rate_per_s=100)[0].limits.rate_per_s == 100.0


@pytest.mark.parametrize(
    ("response", "key"),
    [(Response(401, {}, b"{}"), "api_secret"), (parts("4"), "api_secret"), (Response(500, {}, b""), "base_url")],
)
async def test_check_says_what_keeps_it_from_sending(response: Response, key: str) -> None:
    [fault] = await provider(response)[0].problems()
    assert fault.where == f"providers.vonage.{key}"
    assert "s3cret" not in str(fault)
