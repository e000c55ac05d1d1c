"""What SNS is sent, as botocore's model has it, and what its errors mean."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.serialize import create_serializer

from notifyd.core.channel import Channel, Lane
from notifyd.core.message import Sms
from notifyd.core.outcome import Accepted, Deferred, Outcome, Reason, Rejected, Unknown
from notifyd.errors import AwsError, NoAnswer, NotSent, Throttled, TransportError
from notifyd.providers.sns_sms import SnsSmsConfig, SnsSmsProvider
from tests.support.deliveries import delivery_of
from tests.support.vendor_rigs import VENDOR_RIGS, VendorRig

SMS = delivery_of(Sms("Hello"), Channel.SMS, "+4915123456789", delivery_id="ID7")
PUBLISHED = b"<PublishResponse><PublishResult><MessageId>m-1</MessageId></PublishResult></PublishResponse>"


class Sns:
    """Of AwsService what is used here."""

    def __init__(self, answer: bytes | Exception) -> None:
        self.published: list[dict[str, str]] = []
        self._answer = answer

    async def query(self, action: str, version: str, parameters: dict[str, str], **_: object) -> bytes:
        self.published.append({"Action": action, "Version": version, **parameters})
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


def provider(answer: bytes | Exception, **config: object) -> tuple[SnsSmsProvider, Sns]:
    sns = Sns(answer)
    known = SnsSmsConfig.model_validate(config)
    return SnsSmsProvider(known, sns, timeout_s=5.0), sns  # type: ignore[arg-type]


def serialized(parameters: dict[str, Any], action: str = "Publish") -> dict[str, str]:
    """As botocore writes it."""
    model = ServiceModel(Loader().load_service_model("sns", "service-2"))
    request = create_serializer("query").serialize_to_request(parameters, model.operation_model(action))
    return {name: str(value) for name, value in request["body"].items()}


def attribute(value: str, kind: str = "String") -> dict[str, str]:
    return {"DataType": kind, "StringValue": value}


@pytest.mark.parametrize(("lane", "kind"), [(Lane.TRANSACTIONAL, "Transactional"), (Lane.BULK, "Promotional")])
async def test_a_message_is_published_as_botocore_would(lane: Lane, kind: str) -> None:
    sns_sms, sns = provider(PUBLISHED, sender_id="Shop", max_price_usd="0.10", origination_number="+15005550006")
    sent = delivery_of(Sms("Grüße & more"), Channel.SMS, "+49 151 23456789", delivery_id="ID7", lane=lane)
    assert await sns_sms.send([sent]) == [Accepted("m-1")]
    attributes = {
        "delivery_id": attribute("ID7"),
        "AWS.SNS.SMS.SMSType": attribute(kind),
        "AWS.SNS.SMS.SenderID": attribute("Shop"),
        "AWS.MM.SMS.OriginationNumber": attribute("+15005550006"),
        "AWS.SNS.SMS.MaxPrice": attribute("0.10", "Number"),
    }
    expected = serialized(
        {"PhoneNumber": "+4915123456789", "Message": "Grüße & more", "MessageAttributes": attributes}
    )
    assert sns.published == [expected]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (AwsError("query", "InvalidParameter", "Invalid parameter: PhoneNumber Reason: +4915123 no", status=400),
         Rejected(Reason.ADDRESS_INVALID, "InvalidParameter: Invalid parameter: PhoneNumber Reason: <…> no")),
        (AwsError("query", "InvalidParameter", "Invalid parameter: Message Reason: Message too long", status=400),
         Rejected(
             Reason.PAYLOAD_TOO_LARGE, "InvalidParameter: Invalid parameter: Message Reason: Message too long"
         )),
        (AwsError("query", "OptedOut", "opted out", status=400),
         Rejected(Reason.ON_SUPPRESSION_LIST, "OptedOut: opted out")),
        (AwsError("query", "AuthorizationError", "no", status=403),
         Deferred(Reason.CREDENTIALS, answer="AuthorizationError: no")),
        (AwsError("query", "ValidationException", "no", status=400),
         Rejected(Reason.MESSAGE_REFUSED, "ValidationException: no")),
        (Throttled("query", "Throttling", "slow", status=400),
         Deferred(Reason.THROTTLED, answer="Throttling: slow")),
        (AwsError("query", "InternalError", "no", status=500),
         Unknown(Reason.PROVIDER_ERROR, "InternalError: no")),
        (NotSent("refused"), Deferred(Reason.NO_CONNECTION, answer="refused")),
        (NoAnswer("reset"), Unknown(Reason.NO_ANSWER, "reset")),
        (b"<PublishResponse/>", Unknown(Reason.ANSWER_UNREADABLE, "HTTP 200 without a MessageId")),
    ],
)  # fmt: skip
async def test_an_error_is_classed_by_code_parameter_and_status(
    answer: bytes | AwsError | TransportError, expected: Outcome
) -> None:
    assert await provider(answer)[0].send([SMS]) == [expected]


@pytest.fixture
async def rig() -> AsyncIterator[VendorRig]:
    async with VENDOR_RIGS["sns_sms"]() as made:
        yield made


async def test_a_text_that_is_no_unicode_is_refused_before_any_request(rig: VendorRig) -> None:
    [outcome] = await rig.provider.send([delivery_of(Sms("half \ud83d"), Channel.SMS, SMS.address)])
    assert isinstance(outcome, Rejected)
    assert rig.requests == 0


async def test_check_says_that_the_account_is_in_the_sandbox(rig: VendorRig) -> None:
    vars(rig.desk.vendor)["in_sandbox"] = True
    fault, warning = await rig.provider.problems()
    assert "SMS sandbox" in fault.what
    assert "1 USD" in warning.what
    assert (fault.is_warning, warning.is_warning) == (False, True)


async def test_check_asks_for_the_spend_limit_as_botocore_would_and_tells_it() -> None:
    answer = b"<attributes><entry><key>MonthlySpendLimit</key>\n<value>250</value></entry></attributes>"
    sns_sms, sns = provider(answer, sender_id="Shop")
    [warning] = await sns_sms.problems()
    assert "250 USD" in warning.what
    assert sns.published == [
        serialized({}, "GetSMSSandboxAccountStatus"),
        serialized({"attributes": ["MonthlySpendLimit"]}, "GetSMSAttributes"),
    ]


@pytest.mark.parametrize(("rate_per_s", "batch_max"), [(20, 1), (100, 5), (10_000, 16)])
async def test_what_goes_together_takes_the_accounts_rate_for_50_ms_at_most(
    rate_per_s: float, batch_max: int
) -> None:
    sns_sms, _ = provider(PUBLISHED, rate_per_s=rate_per_s)
    assert sns_sms.limits.batch_max == batch_max


async def test_each_of_a_batch_is_published_and_told_on_its_own() -> None:
    sns_sms, sns = provider(PUBLISHED)
    told: list[int] = []
    outcomes = await sns_sms.send([SMS, SMS], lambda news: told.extend(place for place, _ in news))
    assert (outcomes, told) == ([Accepted("m-1")] * 2, [0, 1])
    assert len(sns.published) == 2
