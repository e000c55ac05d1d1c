"""What Twilio is sent, as its Messages resource has it, what its codes mean, and what its list tells."""

from __future__ import annotations

import json
from email.utils import formatdate
from typing import Any

import pytest
from msgspec.structs import replace
from pydantic import ValidationError

from notifyd.core.channel import Channel
from notifyd.core.look_up import CannotTell, Found, NotTaken, Taken
from notifyd.core.message import Delivery, Sms
from notifyd.core.outcome import Accepted, Deferred, Outcome, Reason, Rejected, Unknown
from notifyd.errors import TransportError
from notifyd.providers.twilio import TwilioConfig, TwilioProvider
from notifyd.wire.transport import Request, Response
from tests.fakes.system import FakeClock
from tests.fakes.transport import FakeTransport
from tests.support.deliveries import delivery_of

ACCOUNT = "AC" + "0" * 31 + "1"
URL = f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
# `AC…1:token`
AUTHORIZATION = "Basic QUMwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMTp0b2tlbg=="
NOW_S = FakeClock().now_s()
TEXT = "Your parcel arrives at 5 & a half"


def provider(*answers: Response | TransportError, **config: object) -> tuple[TwilioProvider, FakeTransport]:
    transport = FakeTransport(answers)
    sender = {} if "messaging_service_sid" in config else {"sender": "+15005550006"}
    known = TwilioConfig.model_validate(
        {"account_sid": ACCOUNT, "auth_token": "env:NOT_READ_HERE", **sender, **config}
    )
    twilio = TwilioProvider(known, auth_token="token", transport=transport, clock=FakeClock(), send_timeout_s=5.0)
    return twilio, transport


def sms(text: str = TEXT, **fields: Any) -> Delivery:
    known = {"deadline_at_s": NOW_S + 600.5, "delivery_id": "ID7", **fields}
    return delivery_of(Sms(text), Channel.SMS, "+49 151 23456789", **known)


def answer(value: object, status: int = 201, **headers: str) -> Response:
    return Response(status, {name.replace("_", "-"): text for name, text in headers.items()}, _json(value))


def refused(code: int, message: str = "no", status: int = 400, **headers: str) -> Response:
    return answer({"code": code, "message": message, "status": status}, status, **headers)


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


TAKEN = answer({"sid": "SM1", "status": "queued", "error_code": None})


async def test_a_message_is_a_form_that_is_valid_as_long_as_there_is_time() -> None:
    twilio, transport = provider(TAKEN, status_callback="https://shop.example/cb?x=1")
    assert await twilio.send([sms()]) == [Accepted("SM1")]
    body = (
        b"To=%2B4915123456789&From=%2B15005550006&Body=Your+parcel+arrives+at+5+%26+a+half&ValidityPeriod=600"
        b"&StatusCallback=https%3A%2F%2Fshop.example%2Fcb%3Fx%3D1%26delivery_id%3DID7"
    )
    headers = {"authorization": AUTHORIZATION, "content-type": "application/x-www-form-urlencoded"}
    assert transport.requests == [Request("POST", URL, headers, body)]


async def test_a_messaging_service_takes_the_place_of_a_sender() -> None:
    service = "MG" + "a" * 32
    twilio, transport = provider(TAKEN, messaging_service_sid=service)
    await twilio.send([sms(deadline_at_s=NOW_S + 1e6)])
    assert (
        transport.requests[0].body
        == (
            f"To=%2B4915123456789&MessagingServiceSid={service}&Body=Your+parcel+arrives+at+5+%26+a+half"
            "&ValidityPeriod=36000"
        ).encode()
    )


def test_a_config_names_one_sender() -> None:
    with pytest.raises(ValidationError, match="one of the two"):
        provider(sender="Shop", messaging_service_sid="MG" + "a" * 32)


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (refused(21211, "Invalid 'To' Phone Number: +4915123456789"),
         Rejected(Reason.ADDRESS_INVALID, "21211: Invalid 'To' Phone Number: <…>")),
        (refused(21610), Rejected(Reason.ON_SUPPRESSION_LIST, "21610: no")),
        (refused(21408), Deferred(Reason.SENDER_REFUSED, answer="21408: no")),
        (refused(21212), Deferred(Reason.SENDER_REFUSED, answer="21212: no")),
        (refused(21635), Rejected(Reason.ADDRESS_INVALID, "21635: no")),
        (refused(20003, status=401), Deferred(Reason.CREDENTIALS, answer="20003: no")),
        (refused(20429, status=429, retry_after="3"), Deferred(Reason.THROTTLED, 3.0, "20429: no")),
        (refused(21617), Rejected(Reason.PAYLOAD_TOO_LARGE, "21617: no")),
        (refused(12345), Rejected(Reason.MESSAGE_REFUSED, "HTTP 400 12345: no")),
        (refused(20500, status=500), Unknown(Reason.PROVIDER_ERROR, "HTTP 500 20500: no")),
        (Response(503, {"retry-after": "9"}, b""), Deferred(Reason.PROVIDER_ERROR, 9.0, "HTTP 503")),
        (Response(201, {}, b"<html>"), Unknown(Reason.ANSWER_UNREADABLE, "HTTP 201 without a Message")),
        (answer({"sid": "SM1", "status": "failed", "error_code": 21614}),
         Rejected(Reason.ADDRESS_INVALID, "failed: 21614")),
    ],
)  # fmt: skip
async def test_an_answer_is_classed_by_its_code(response: Response, expected: Outcome) -> None:
    assert await provider(response)[0].send([sms()]) == [expected]


@pytest.mark.parametrize(
    ("reason", "codes"),
    [
        (Reason.CREDENTIALS, [20003, 20404]),
        (Reason.ACCOUNT_PAUSED, [10001, 10002, 20005]),
        (Reason.THROTTLED, [20429, 21611]),
        (Reason.QUOTA, [63038]),
        (Reason.PROVIDER_ERROR, [21730]),
        (Reason.SENDER_REFUSED, [21212, 21408, 21603, 21606, 21607, 21608, 21609, 21612, 21616]),
        (Reason.SENDER_REFUSED, [21657, 21659, 21660, 21661, 21662, 21663, 21668]),
        (Reason.SENDER_REFUSED, [21701, 21702, 21703, 21704, 21705, 21708, 21709, 21711]),
    ],
)
async def test_what_an_operator_or_twilio_can_mend_waits(reason: Reason, codes: list[int]) -> None:
    for code in codes:
        assert await provider(refused(code))[0].send([sms()]) == [Deferred(reason, answer=f"{code}: no")]


@pytest.mark.parametrize(
    ("reason", "codes"),
    [
        (Reason.ADDRESS_INVALID, [21211, 21217, 21265, 21266, 21604, 21614, 21635]),
        (Reason.ON_SUPPRESSION_LIST, [21610]),
        (Reason.MESSAGE_REFUSED, [21602, 21618, 21619, 21624]),
        (Reason.PAYLOAD_TOO_LARGE, [21605, 21617]),
    ],
)
async def test_what_is_the_number_s_or_the_message_s_own_does_not(reason: Reason, codes: list[int]) -> None:
    for code in codes:
        assert await provider(refused(code))[0].send([sms()]) == [Rejected(reason, f"{code}: no")]


def listed(*messages: tuple[str, float], more: bool = False) -> Response:
    found = [
        {"sid": f"SM{number}", "body": text, "date_created": formatdate(NOW_S + at_s), "status": "sent"}
        for number, (text, at_s) in enumerate(messages)
    ]
    return answer({"messages": found, "next_page_uri": "/more" if more else None}, 200)


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (listed((TEXT, 1.0)), Taken("SM0")),
        (listed(("other", 2.0), (TEXT, 1.0)), Taken("SM1")),
        (listed(), NotTaken()),
        (listed((TEXT, -60.0)), NotTaken()),
        (listed(("other", 1.0)), CannotTell("1 messages went to the number since, 0 with these words")),
        (listed((TEXT, 1.0), (TEXT, 2.0)), CannotTell("2 messages went to the number since, 2 with these words")),
        (listed((TEXT, 1.0), more=True), CannotTell("more than 1 messages went to the number since")),
        (listed((TEXT, -60.0), more=True), NotTaken()),
        (answer({"messages": [{"sid": "SM9", "body": "other", "date_created": None}]}, 200),
         CannotTell("1 messages went to the number since, 0 with these words")),
        (refused(20003, status=401), CannotTell("the list of messages answered HTTP 401")),
        (Response(200, {}, b"<html>"), CannotTell("the list of messages answered HTTP 200")),
    ],
)  # fmt: skip
async def test_the_list_tells_by_number_time_and_words_or_not_at_all(response: Response, expected: Found) -> None:
    twilio, transport = provider(response)
    assert await twilio.look_up(sms(), NOW_S) == expected
    url = f"{URL}?To=%2B4915123456789&From=%2B15005550006&PageSize=100"
    assert transport.requests == [Request("GET", url, {"authorization": AUTHORIZATION})]


async def test_words_that_grew_too_long_since_tell_nothing_of_what_was_sent() -> None:
    long = sms("a" * 2000)
    assert isinstance(await provider(listed(("a" * 2000, 1.0)))[0].look_up(long, NOW_S), CannotTell)
    assert await provider(listed())[0].look_up(long, NOW_S) == NotTaken()


@pytest.mark.parametrize(
    ("response", "key"),
    [
        (refused(20003, status=401), "auth_token"),
        (answer({"status": "suspended"}, 200), "account_sid"),
        (Response(200, {}, b"<html>"), "base_url"),
    ],
)
async def test_check_says_what_keeps_it_from_sending(response: Response, key: str) -> None:
    [fault] = await provider(response)[0].problems()
    assert fault.where == f"providers.twilio.{key}"


async def test_a_text_over_the_limit_is_cut_where_its_template_allows_that() -> None:
    twilio, transport = provider(TAKEN, segments_max=1)
    long = sms("a" * 200)
    [outcome] = await twilio.send([long])
    assert outcome == Rejected(Reason.PAYLOAD_TOO_LARGE, "2 segments; at most 1 are sent")
    assert await twilio.send([replace(long, message=Sms("a" * 200, shorten=True))]) == [Accepted("SM1")]
    assert b"Body=" + b"a" * 157 + b"...&" in transport.requests[0].body
