"""SMS by Amazon SNS: Publish with a phone number. PublishBatch is for topics.

A spent monthly limit stops messages without a word in the answer; it shows in CloudWatch alone.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from decimal import Decimal
from typing import Annotated

from pydantic import Field, PositiveFloat, PositiveInt

from notifyd.config_sections import Section
from notifyd.config_values import CaFile
from notifyd.core.channel import Channel, Lane
from notifyd.core.message import Delivery
from notifyd.core.outcome import Accepted, Outcome, Reason, Rejected, Unknown
from notifyd.errors import AwsError, Fault, TransportError
from notifyd.ports import Limits, Tell, tell_nobody
from notifyd.providers._aws_answer import common_reason
from notifyd.providers._base import NO_UNICODE, ProviderContext, Unasked
from notifyd.providers._each_alone import batch_max_of, sent_each_alone
from notifyd.providers._http_answer import quoted, refusal, unanswered
from notifyd.providers._sms import SEGMENTS_MAX, number_of, text_of
from notifyd.wire.aws_call import AwsService
from notifyd.wire.aws_error import may_pass

_VERSION = "2010-03-31"
_PAYLOAD_BYTES_MAX = 64 * 1024
_ATTEMPTS_MAX = 3  # of asking for the account: reading is repeatable
_MESSAGE_ID = re.compile(rb"<MessageId>([^<]+)</MessageId>")
_IN_SANDBOX = b"<IsInSandbox>true</IsInSandbox>"
_SPEND_LIMIT = re.compile(rb"<key>MonthlySpendLimit</key>\s*<value>([0-9.]+)</value>")
# AWS's own limit for an account that never asked for more.
_SPEND_LIMIT_USD = 1.0
_WHERE = "providers.sns_sms"
# `Invalid parameter: PhoneNumber Reason: …`: one code, and only the text tells which parameter.
_INVALID = re.compile(r"Invalid parameter: (\w+)(?: Value)?(?: Reason: (.*))?", re.DOTALL)
_PARAMETERS = {"PhoneNumber": Reason.ADDRESS_INVALID, "SenderId": Reason.SENDER_REFUSED}
# SNS's own; of Publish those about topics, devices and KMS are for other addresses than numbers.
_CODES = {
    "AuthorizationError": Reason.CREDENTIALS,
    "ConcurrentAccess": Reason.PROVIDER_ERROR,
    "InvalidParameter": Reason.MESSAGE_REFUSED,
    "InvalidSecurity": Reason.CREDENTIALS,
    "OptedOut": Reason.ON_SUPPRESSION_LIST,
    "ParameterValueInvalid": Reason.MESSAGE_REFUSED,
}


class SnsSmsConfig(Section):
    sender_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]*[A-Za-z][A-Za-z0-9-]*$", max_length=11)] | None = None
    """What phones show as the sender, in countries that allow it."""
    origination_number: Annotated[str, Field(pattern=r"^\+?[0-9]{3,15}$")] | None = None
    """The account's number or short code to send from; unset: SNS chooses."""
    max_price_usd: Annotated[Decimal, Field(gt=0)] | None = None
    """A message that would cost more is not sent."""
    segments_max: Annotated[int, Field(ge=1, le=SEGMENTS_MAX)] = SEGMENTS_MAX
    """A longer text is cut where its template allows that, else refused."""
    base_url: str | None = None
    """Instead of SNS in the session's region, for a stand-in or a VPC endpoint."""
    ca_file: CaFile | None = None
    """A PEM file of authorities to trust instead of the system's."""
    rate_per_s: PositiveFloat = 20
    """Messages a second; 20 is what an account is allowed at first."""
    in_flight_max: PositiveInt = 64


class SnsSmsProvider(Unasked):
    name = "sns_sms"
    channel = Channel.SMS

    def __init__(self, config: SnsSmsConfig, aws: AwsService, *, timeout_s: float) -> None:
        self.limits = Limits(
            batch_max=batch_max_of(config.rate_per_s),
            in_flight_max=config.in_flight_max,
            payload_bytes_max=_PAYLOAD_BYTES_MAX,
            rate_per_s=config.rate_per_s,
            each_alone=True,
        )
        self._config = config
        self._aws = aws
        self._timeout_s = timeout_s

    def group_key(self, delivery: Delivery) -> Hashable:  # noqa: ARG002 - all go to one account
        return None

    async def send(self, batch: Sequence[Delivery], tell: Tell = tell_nobody) -> list[Outcome]:
        return await sent_each_alone(batch, self._send_one, tell)

    async def refresh_limits(self) -> None:
        """SNS tells no rate of SMS."""

    async def problems(self) -> list[Fault]:
        try:
            return [*await self._sandbox_faults(), await self._spend_warning()]
        except (AwsError, TransportError) as error:
            mend = (
                "mend region, base_url or credentials, and let the role do sns:GetSMSSandboxAccountStatus and "
                "sns:GetSMSAttributes"
            )
            what = f"SNS does not tell of the account: {error}"
            return [Fault(_WHERE, what, mend, is_outage=may_pass(error))]

    async def close(self) -> None:
        """The connections are the AWS session's, which closes them."""

    async def _sandbox_faults(self) -> list[Fault]:
        answer = await self._aws.query("GetSMSSandboxAccountStatus", _VERSION, {}, attempts_max=_ATTEMPTS_MAX)
        if _IN_SANDBOX not in answer:
            return []
        what = "the account is in the SMS sandbox: it sends to verified numbers only"
        return [Fault(_WHERE, what, "ask AWS to move it out, or verify each number")]

    async def _spend_warning(self) -> Fault:
        """What SNS stops at, silently, month by month."""
        asked = {"attributes.member.1": "MonthlySpendLimit"}
        answer = await self._aws.query("GetSMSAttributes", _VERSION, asked, attempts_max=_ATTEMPTS_MAX)
        limit = _SPEND_LIMIT.search(answer)
        what = f"SNS stops when {float(limit[1]) if limit else _SPEND_LIMIT_USD:g} USD are spent in a month"
        return Fault(_WHERE, what, "ask for a higher limit where that is less than you send", is_warning=True)

    async def _send_one(self, delivery: Delivery) -> Outcome:
        to, text = number_of(delivery.address), text_of(delivery, self._config.segments_max)
        if isinstance(to, Rejected):
            return to
        if isinstance(text, Rejected):
            return text
        try:
            parameters = self._publish(delivery, to, text)
            return _taken(await self._aws.query("Publish", _VERSION, parameters, timeout_s=self._timeout_s))
        except UnicodeEncodeError:
            return NO_UNICODE
        except AwsError as error:
            return _refused(error)
        except TransportError as error:
            return unanswered(error)

    def _publish(self, delivery: Delivery, to: str, text: str) -> dict[str, str]:
        kind = "Transactional" if delivery.lane is Lane.TRANSACTIONAL else "Promotional"
        config = self._config
        attributes = [("delivery_id", "String", delivery.delivery_id), ("AWS.SNS.SMS.SMSType", "String", kind)]
        if config.sender_id is not None:
            attributes.append(("AWS.SNS.SMS.SenderID", "String", config.sender_id))
        if config.origination_number is not None:
            attributes.append(("AWS.MM.SMS.OriginationNumber", "String", config.origination_number))
        if config.max_price_usd is not None:
            attributes.append(("AWS.SNS.SMS.MaxPrice", "Number", str(config.max_price_usd)))
        parameters = {"PhoneNumber": to, "Message": text}
        for number, (name, data_type, value) in enumerate(attributes, start=1):
            entry = f"MessageAttributes.entry.{number}"
            parameters[f"{entry}.Name"] = name
            parameters[f"{entry}.Value.DataType"] = data_type
            parameters[f"{entry}.Value.StringValue"] = value
        return parameters


def _taken(answer: bytes) -> Outcome:
    message_id = _MESSAGE_ID.search(answer)
    if message_id is None:
        return Unknown(Reason.ANSWER_UNREADABLE, "HTTP 200 without a MessageId")
    return Accepted(message_id[1].decode())


def _refused(error: AwsError) -> Outcome:
    said = quoted(f"{error.code}: {error.message}")
    invalid = _INVALID.match(error.message)
    if invalid is not None:
        too_long = "too long" in (invalid[2] or "").lower()
        of_parameter = _PARAMETERS.get(invalid[1], Reason.MESSAGE_REFUSED)
        return refusal(Reason.PAYLOAD_TOO_LARGE if too_long else of_parameter, said)
    reason = _CODES.get(error.code) or common_reason(error)
    if reason is None and (error.status >= 500 or error.status < 400):
        return Unknown(Reason.PROVIDER_ERROR, said)
    return refusal(reason or Reason.MESSAGE_REFUSED, said)


async def build_sns_sms(config: SnsSmsConfig, context: ProviderContext) -> SnsSmsProvider:
    aws = await context.open_aws(
        "sns", connections_max=config.in_flight_max, base_url=config.base_url, ca_file=config.ca_file
    )
    return SnsSmsProvider(config, aws, timeout_s=context.send_timeout_s)
