from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from email.utils import formatdate
from zlib import crc32

import msgspec
import pytest

from notifyd.aws.credentials import StaticCredentials
from notifyd.errors import AwsError, NoAnswer, NotSent, Throttled, TransportError
from notifyd.wire.aws_call import AwsService
from notifyd.wire.credentials import Credentials, CredentialSource
from notifyd.wire.proxies import Proxies
from notifyd.wire.tls import client_context
from notifyd.wire.transport import Request, Response, Transport
from notifyd.wire.transport_aiohttp import AiohttpTransport
from tests.fakes.system import FakeClock, FakeEntropy
from tests.fakes.transport import FakeTransport
from tests.support.deadlines import NO_ANSWER_S
from tests.support.hostile_server import hostile_server, never_answering

TARGET = "DynamoDB_20120810.GetItem"
QUERY_ERROR = (
    b'<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type>'
    b"<Code>Code</Code><Message>m &amp; n</Message></Error><RequestId>R42</RequestId></ErrorResponse>"
)


_KNOWN = StaticCredentials(Credentials("AKID", "secret"))


def service(
    transport: Transport,
    clock: FakeClock,
    *,
    endpoint: str = "https://dynamodb.test",
    credentials: CredentialSource = _KNOWN,
) -> AwsService:
    return AwsService(
        service="dynamodb",
        region="eu-west-1",
        endpoint=endpoint,
        credentials=credentials,
        transport=transport,
        clock=clock,
        entropy=FakeEntropy(),
    )


def ok(body: bytes = b"{}", **headers: str) -> Response:
    return Response(200, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def refused(code: str, status: int = 400, **headers: str) -> Response:
    body = msgspec.json.encode({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "no"})
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


PASSING: dict[str, Response | TransportError] = {
    "throttled": refused("ThrottlingException"),
    "a status of 429": Response(429, {}, b""),
    "a transaction on the item": refused("TransactionConflictException"),
    "another Region's write": refused("ReplicatedWriteConflictException", status=409),
    "a fault of AWS": Response(503, {}, b"<html>"),
    "not sent": NotSent("refused"),
    "no answer": NoAnswer("reset"),
}


@pytest.mark.parametrize("answer", PASSING.values(), ids=PASSING.keys())
async def test_one_attempt_is_made_unless_more_are_asked_for(
    answer: Response | TransportError, clock: FakeClock
) -> None:
    transport = FakeTransport([answer, ok()])
    with pytest.raises((AwsError, TransportError)):
        await service(transport, clock).call(TARGET, b"{}")
    assert len(transport.requests) == 1
    assert clock.slept_s == []


@pytest.mark.parametrize("answer", PASSING.values(), ids=PASSING.keys())
async def test_what_may_pass_is_tried_again_after_a_pause(
    answer: Response | TransportError, clock: FakeClock
) -> None:
    transport = FakeTransport([answer, answer, ok(b"done")])
    assert await service(transport, clock).call(TARGET, b"{}", attempts_max=3) == b"done"
    assert [request.body for request in transport.requests] == [b"{}"] * 3
    assert len(clock.slept_s) == 2


async def test_the_last_attempt_s_error_is_raised(clock: FakeClock) -> None:
    transport = FakeTransport([NotSent("first"), NoAnswer("last")])
    with pytest.raises(NoAnswer, match="last"):
        await service(transport, clock).call(TARGET, b"{}", attempts_max=2)


async def test_pauses_have_full_jitter_under_a_cap_that_doubles_to_two_seconds(clock: FakeClock) -> None:
    with pytest.raises(NotSent):
        await service(FakeTransport([NotSent("")] * 10), clock).call(TARGET, b"{}", attempts_max=10)
    drawn = FakeEntropy()
    caps_s = [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0, 2.0]
    assert clock.slept_s == [drawn.fraction() * cap_s for cap_s in caps_s]


async def test_a_refusal_is_not_tried_again(clock: FakeClock) -> None:
    transport = FakeTransport([refused("ConditionalCheckFailedException")])
    with pytest.raises(AwsError) as caught:
        await service(transport, clock).call(TARGET, b"{}", attempts_max=5)
    assert caught.value.code == "ConditionalCheckFailedException"
    assert not isinstance(caught.value, Throttled)


@pytest.mark.parametrize("code", ["KMSThrottlingException", "KmsThrottled"], ids=["of Kinesis", "of SQS"])
async def test_a_throttled_key_service_asks_for_a_pause_like_any_other(code: str, clock: FakeClock) -> None:
    with pytest.raises(Throttled):
        await service(FakeTransport([refused(code)]), clock).call(TARGET, b"{}")


async def test_a_clock_that_is_off_is_corrected_once_and_for_all(clock: FakeClock) -> None:
    """AWS refused before it did anything, so this is no second attempt."""
    aws_s = clock.now_s() + 3600
    transport = FakeTransport(
        [refused("InvalidSignatureException", date=formatdate(aws_s, usegmt=True)), ok(), ok()]
    )
    aws = service(transport, clock)
    await aws.call(TARGET, b"{}")
    await aws.call(TARGET, b"{}")
    dates = [request.headers["x-amz-date"] for request in transport.requests]
    assert dates == ["20231114T221320Z", "20231114T231320Z", "20231114T231320Z"]


class SlowTransport(FakeTransport):
    """Each answer takes 3 s of the clock."""

    def __init__(self, answers: Iterable[Response | TransportError], clock: FakeClock) -> None:
        super().__init__(answers)
        self._clock = clock
        self.timeouts_s: list[float] = []

    async def send(self, request: Request, *, timeout_s: float) -> Response:
        self.timeouts_s.append(timeout_s)
        self._clock.advance(3.0)
        return await super().send(request, timeout_s=timeout_s)


@pytest.mark.parametrize(("timeout_s", "asked_for_s"), [(5.0, [5.0, 2.0]), (3.0, [3.0])])
async def test_a_correction_takes_no_longer_than_its_attempt_may(
    clock: FakeClock, timeout_s: float, asked_for_s: list[float]
) -> None:
    wrong = refused("InvalidSignatureException", date=formatdate(clock.now_s() + 3600, usegmt=True))
    transport = SlowTransport([wrong, ok()], clock)
    with suppress(AwsError):
        await service(transport, clock).call(TARGET, b"{}", timeout_s=timeout_s)
    assert transport.timeouts_s == asked_for_s


class SlowCredentials:
    """Those that are asked for come after so long on the clock."""

    def __init__(self, clock: FakeClock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self.within_s: list[float] = []

    async def current(self, within_s: float) -> Credentials:
        self.within_s.append(within_s)
        self._clock.advance(self._seconds)
        return Credentials("AKID", "secret")


async def test_waiting_for_credentials_is_a_part_of_the_attempt_s_time(clock: FakeClock) -> None:
    credentials, transport = SlowCredentials(clock, 2.0), SlowTransport([ok()], clock)
    await service(transport, clock, credentials=credentials).call(TARGET, b"{}", timeout_s=5.0)
    assert (credentials.within_s, transport.timeouts_s) == ([5.0], [3.0])


async def test_credentials_that_come_too_late_mean_not_sent(clock: FakeClock) -> None:
    credentials, transport = SlowCredentials(clock, 5.0), FakeTransport([])
    with pytest.raises(NotSent, match="credentials"):
        await service(transport, clock, credentials=credentials).call(TARGET, b"{}", timeout_s=5.0)
    assert transport.requests == []


async def test_calls_in_flight_together_are_each_corrected(clock: FakeClock) -> None:
    date = formatdate(clock.now_s() - 3600, usegmt=True)
    transport = FakeTransport([refused("RequestTimeTooSkewed", date=date)] * 2 + [ok()] * 2)
    aws = service(transport, clock)
    await asyncio.gather(aws.call(TARGET, b"{}"), aws.call(TARGET, b"{}"))
    assert [request.headers["x-amz-date"] for request in transport.requests[2:]] == ["20231114T211320Z"] * 2


@pytest.mark.parametrize("date", ["", "yesterday", formatdate(1_700_000_100, usegmt=True)])
async def test_a_signature_refused_for_another_reason_is_an_error_at_once(clock: FakeClock, date: str) -> None:
    transport = FakeTransport([refused("InvalidSignatureException", date=date)])
    with pytest.raises(AwsError, match="InvalidSignatureException"):
        await service(transport, clock).call(TARGET, b"{}")


async def test_a_correction_that_does_not_help_ends(clock: FakeClock) -> None:
    dates = [formatdate(clock.now_s() + off_s, usegmt=True) for off_s in (3600, 7200)]
    transport = FakeTransport([refused("RequestTimeTooSkewed", date=date) for date in dates])
    with pytest.raises(AwsError, match="RequestTimeTooSkewed"):
        await service(transport, clock).call(TARGET, b"{}")


async def test_an_answer_that_fails_its_checksum_is_no_answer(clock: FakeClock) -> None:
    right = ok(b"body", x_amz_crc32=str(crc32(b"body")))
    wrong = ok(b"b0dy", x_amz_crc32=str(crc32(b"body")))
    aws = service(FakeTransport([right, wrong]), clock)
    assert await aws.call(TARGET, b"{}") == b"body"
    with pytest.raises(NoAnswer, match="checksum"):
        await aws.call(TARGET, b"{}")


@pytest.mark.parametrize(
    ("answer", "code", "message"),
    [
        (Response(400, {}, QUERY_ERROR), "Code", "m & n"),
        (Response(400, {}, b"<ErrorResponse/>"), "HTTP400", ""),
        (Response(400, {}, b'{"__type":"a.b#Code","message":"m"}'), "Code", "m"),
        (Response(400, {}, b'{"__type":"Code","Message":"M"}'), "Code", "M"),
        (Response(400, {}, b'{"code":"Code","message":null}'), "Code", ""),
        (Response(400, {"x-amzn-errortype": "Code:http://a.b/c"}, b'{"message":"m"}'), "Code", "m"),
        (Response(400, {"x-amzn-errortype": "a.b#Code:http://a.b/c"}, b""), "Code", ""),
        (Response(502, {}, b"<html>bad gateway</html>"), "HTTP502", ""),
        (Response(500, {}, b'["no object"]'), "HTTP500", ""),
    ],
)
async def test_code_and_message_are_found_wherever_the_protocol_puts_them(
    clock: FakeClock, answer: Response, code: str, message: str
) -> None:
    with pytest.raises(AwsError) as caught:
        await service(FakeTransport([answer]), clock).call(TARGET, b"{}")
    assert (caught.value.code, caught.value.message, caught.value.status) == (code, message, answer.status)


@pytest.mark.parametrize(
    "body", [b'{"message": "M\xfcller"}', b'{"__type": "\xfc"}', b'{"x": ' + b"[" * 5_000 + b"]" * 5_000 + b"}"]
)
async def test_an_error_that_cannot_be_read_is_known_by_its_status(clock: FakeClock, body: bytes) -> None:
    with pytest.raises(AwsError) as refusal:
        await service(FakeTransport([Response(403, {}, body)]), clock).call(TARGET, b"{}")
    assert (refusal.value.code, refusal.value.status) == ("HTTP403", 403)


async def test_an_error_names_operation_and_request(clock: FakeClock) -> None:
    transport = FakeTransport([refused("ThrottlingException", x_amzn_requestid="R42")])
    with pytest.raises(Throttled, match=r"DynamoDB_20120810\.GetItem: ThrottlingException: no .*R42"):
        await service(transport, clock).call(TARGET, b"{}")


async def test_aws_s_time_is_its_latest_date_and_what_has_elapsed_since(clock: FakeClock) -> None:
    aws = service(FakeTransport([ok(date="Tue, 14 Nov 2023 22:00:00 GMT"), ok()]), clock)
    assert aws.server_time_s() == clock.now_s()
    await aws.call(TARGET, b"{}")
    clock.advance(7)
    assert aws.server_time_s() == 1_699_999_207
    await aws.call(TARGET, b"{}")  # an answer without a date takes nothing away
    assert aws.server_time_s() == 1_699_999_207


async def test_an_endpoint_s_own_path_stands_before_the_operation_s(clock: FakeClock) -> None:
    transport = FakeTransport([ok(), ok(), ok()])
    aws = service(transport, clock, endpoint="http://localhost:4566/aws/")
    await aws.call(TARGET, b"{}")
    await aws.post("/v2/email/outbound-emails", b"{}")
    await aws.get("/v2/email/account")
    assert [(request.method, request.url) for request in transport.requests] == [
        ("POST", "http://localhost:4566/aws/"),
        ("POST", "http://localhost:4566/aws/v2/email/outbound-emails"),
        ("GET", "http://localhost:4566/aws/v2/email/account"),
    ]
    assert {request.headers["host"] for request in transport.requests} == {"localhost:4566"}


@pytest.mark.parametrize("attempts_max", [1, 3])
async def test_a_service_that_never_answers_gets_one_request_an_attempt(
    clock: FakeClock, attempts_max: int
) -> None:
    async with hostile_server(never_answering) as server:
        aws = service(AiohttpTransport(client_context(), proxies=Proxies({})), clock, endpoint=server.url)
        try:
            with pytest.raises(NoAnswer):
                await aws.call(TARGET, b"{}", timeout_s=NO_ANSWER_S, attempts_max=attempts_max)
        finally:
            await aws.close()
        assert len(server.requests) == attempts_max
