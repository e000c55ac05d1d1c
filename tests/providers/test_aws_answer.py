"""What every AWS service may say, in the form of SES (JSON) and of SNS (XML), means the same of both."""

from __future__ import annotations

import pytest
from botocore.loaders import Loader

from notifyd.core.channel import Channel
from notifyd.core.message import Sms
from notifyd.core.outcome import Deferred, Outcome, Reason, Rejected, Unknown
from notifyd.errors import AwsError
from notifyd.providers._ses_answer import call_outcome
from notifyd.providers.sns_sms import SnsSmsConfig, SnsSmsProvider
from notifyd.wire.aws_error import error_of
from notifyd.wire.transport import Response
from tests.support.deliveries import delivery_of

Told = tuple[type[Outcome], Reason | None]
CREDENTIALS: Told = (Deferred, Reason.CREDENTIALS)
THROTTLED: Told = (Deferred, Reason.THROTTLED)
REFUSED: Told = (Rejected, Reason.MESSAGE_REFUSED)
UNKNOWN: Told = (Unknown, Reason.PROVIDER_ERROR)
# "Common Errors" and their statuses, of which the services' references give several.
COMMON = [
    (400, "AccessDeniedException", CREDENTIALS),
    (403, "AccessDenied", CREDENTIALS),
    (400, "ExpiredToken", CREDENTIALS),
    (403, "ExpiredTokenException", CREDENTIALS),
    (400, "IncompleteSignature", CREDENTIALS),
    (403, "IncompleteSignatureException", CREDENTIALS),
    (400, "InvalidClientTokenId", CREDENTIALS),
    (403, "InvalidSignatureException", CREDENTIALS),
    (400, "MissingAuthenticationToken", CREDENTIALS),
    (403, "MissingAuthenticationTokenException", CREDENTIALS),
    (400, "NotAuthorized", CREDENTIALS),
    (401, "NotAuthorized", CREDENTIALS),
    (400, "OptInRequired", CREDENTIALS),
    (403, "SignatureDoesNotMatch", CREDENTIALS),
    (400, "UnrecognizedClientException", CREDENTIALS),
    (400, "RequestExpired", CREDENTIALS),
    (400, "RequestInTheFuture", CREDENTIALS),
    (403, "RequestTimeTooSkewed", CREDENTIALS),
    (400, "InvalidAction", CREDENTIALS),
    (404, "UnknownOperationException", CREDENTIALS),
    (404, "NoSuchPathHere", CREDENTIALS),
    (400, "ThrottlingException", THROTTLED),
    (400, "Throttling", THROTTLED),
    (429, "Throttled", THROTTLED),
    (503, "SlowDown", THROTTLED),
    (400, "InvalidParameterValue", REFUSED),
    (400, "MalformedHttpRequestException", REFUSED),
    (404, "MalformedQueryString", REFUSED),
    (400, "MissingAction", REFUSED),
    (400, "MissingParameter", REFUSED),
    (400, "ValidationError", REFUSED),
    (400, "SomethingNew", REFUSED),
    (413, "RequestEntityTooLargeException", (Rejected, Reason.PAYLOAD_TOO_LARGE)),
    (408, "RequestTimeoutException", (Deferred, Reason.PROVIDER_ERROR)),
    (503, "ServiceUnavailable", (Deferred, Reason.PROVIDER_ERROR)),
    (500, "InternalFailure", UNKNOWN),
    (503, "SomethingNew", UNKNOWN),
]


class Sns:
    """Of AwsService what is used here."""

    def __init__(self, error: AwsError) -> None:
        self._error = error

    async def query(self, *_: object, **__: object) -> bytes:
        raise self._error


def in_json(status: int, code: str) -> AwsError:
    return error_of(
        "/v2/email/outbound-bulk-emails", Response(status, {"x-amzn-errortype": f"{code}:http://x/"}, b"{}")
    )


def in_xml(status: int, code: str) -> AwsError:
    fault = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>no</Message></Error>"
    return error_of("Publish", Response(status, {}, f"<ErrorResponse>{fault}</ErrorResponse>".encode()))


def told(outcome: Outcome) -> Told:
    return type(outcome), getattr(outcome, "reason", None)


async def sns_outcome(error: AwsError) -> Outcome:
    sms = delivery_of(Sms("Hello"), Channel.SMS, "+4915123456789")
    provider = SnsSmsProvider(SnsSmsConfig(), Sns(error), timeout_s=5.0)  # type: ignore[arg-type]
    return (await provider.send([sms]))[0]


@pytest.mark.parametrize(("status", "code", "expected"), COMMON)
async def test_an_error_that_every_service_has_means_the_same_of_each(
    status: int, code: str, expected: Told
) -> None:
    assert told(call_outcome(in_json(status, code))) == expected
    assert told(await sns_outcome(in_xml(status, code))) == expected


def errors_of(service: str, *operations: str) -> list[str]:
    model = Loader().load_service_model(service, "service-2")
    shapes = {error["shape"] for name in operations for error in model["operations"][name]["errors"]}
    return sorted(model["shapes"][shape].get("error", {}).get("code", shape) for shape in shapes)


@pytest.mark.parametrize("code", errors_of("sesv2", "SendEmail", "SendBulkEmail"))
def test_every_error_that_ses_gives_to_a_mail_has_its_place_whatever_its_status(code: str) -> None:
    assert not isinstance(call_outcome(in_json(500, code)), Unknown)


# Of topics, of devices, and of the keys that topics are encrypted with.
OF_NO_NUMBER = {"EndpointDisabled", "PlatformApplicationDisabled", "NotFound"}


@pytest.mark.parametrize(
    "code",
    [
        code
        for code in errors_of("sns", "Publish")
        if code not in OF_NO_NUMBER | {"InternalError"} and not code.startswith("KMS")
    ],
)
async def test_every_error_that_sns_gives_to_a_number_has_its_place_whatever_its_status(code: str) -> None:
    assert not isinstance(await sns_outcome(in_xml(500, code)), Unknown)
