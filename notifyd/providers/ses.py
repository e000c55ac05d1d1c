"""Amazon SES v2: up to 50 mails a request, each with its own answer.

Limits: the SES Developer Guide, "Service quotas". The sending rate is the account's own; GetAccount tells it.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from email.utils import formataddr
from typing import Annotated

import msgspec
from pydantic import Field, PositiveFloat, PositiveInt

from notifyd.config_sections import Section
from notifyd.config_values import CaFile
from notifyd.core.channel import Channel
from notifyd.core.message import Delivery, Email, message_of
from notifyd.core.outcome import Deferred, Outcome, Reason, Rejected
from notifyd.errors import AwsError, Fault, TransportError
from notifyd.ports import Limits, Tell, tell_nobody
from notifyd.providers import _ses_account as ses_account
from notifyd.providers._base import NO_UNICODE, ProviderContext, Unasked
from notifyd.providers._mail import Mailbox, flaw, from_header, headers_of, mailbox, own_reply_to
from notifyd.providers._ses_answer import bulk_outcomes, call_outcome, single_outcome
from notifyd.providers._ses_request import (
    BULK_CHARS_MAX,
    HEADERS_MAX,
    Envelope,
    bulk_body,
    single_body,
)
from notifyd.wire.aws_call import AwsService

_BULK = "/v2/email/outbound-bulk-emails"
_SINGLE = "/v2/email/outbound-emails"
_DESTINATIONS_MAX = 50
# SES takes 40 MB, but slows down messages over 10.
_PAYLOAD_BYTES_MAX = 10_000_000
_ALONE_MAX = 10_000


class SesConfig(Section):
    sender: Mailbox
    """From: of mails whose template names no other. `Shop <shop@example.com>`; verified in SES."""
    reply_to: tuple[Mailbox, ...] = ()
    configuration_set: str | None = None
    """Sends bounces, complaints and opens on to an event destination."""
    base_url: str | None = None
    """Instead of SES in the session's region, for a stand-in or a VPC endpoint."""
    ca_file: CaFile | None = None
    """A PEM file of authorities to trust instead of the system's."""
    rate_per_s: PositiveFloat | None = None
    """Mails a second; unset: what GetAccount allows."""
    batch_max: Annotated[int, Field(ge=1, le=_DESTINATIONS_MAX)] = _DESTINATIONS_MAX
    in_flight_max: PositiveInt = 64


class SesProvider(Unasked):
    """A bulk request holds mails of one sender and one Reply-To that all have HTML, or all have none. A mail goes
    alone when it is too large for template data, or when a bulk request with it in it was refused as a whole: the
    retry then shows whose fault that was, and the others go on.
    """

    name = "ses"
    channel = Channel.EMAIL

    def __init__(self, config: SesConfig, aws: AwsService, *, timeout_s: float) -> None:
        self._config = config
        self._aws = aws
        self._timeout_s = timeout_s
        self._reply_to = headers_of(config.reply_to)
        self._refused_in_company: dict[str, None] = {}
        self._limits = Limits(
            batch_max=config.batch_max,
            in_flight_max=config.in_flight_max,
            payload_bytes_max=_PAYLOAD_BYTES_MAX,
            rate_per_s=config.rate_per_s,
        )

    @property
    def limits(self) -> Limits:
        return self._limits

    def group_key(self, delivery: Delivery) -> Hashable:
        email = message_of(delivery, Email)
        if self._goes_alone(delivery, email):
            return delivery.delivery_id
        return email.sender, email.html is None, own_reply_to(email)

    async def send(self, batch: Sequence[Delivery], tell: Tell = tell_nobody) -> list[Outcome]:  # noqa: ARG002 - one request, one answer
        sender = from_header(message_of(batch[0], Email).sender or self._config.sender)
        if isinstance(sender, Rejected):
            return [sender] * len(batch)
        checked = [_check(delivery) for delivery in batch]
        mails = [
            (address, delivery)
            for address, delivery in zip(checked, batch, strict=True)
            if isinstance(address, str)
        ]
        answers = await self._request(sender, mails) if mails else []
        if len(answers) == len(batch):
            return answers
        left = iter(answers)
        return [one if isinstance(one, Rejected) else next(left) for one in checked]

    async def refresh_limits(self) -> None:
        if self._config.rate_per_s is not None:
            return
        rate_per_s = (await ses_account.fetch_account(self._aws)).send_quota.max_send_rate
        self._limits = msgspec.structs.replace(self._limits, rate_per_s=rate_per_s if rate_per_s > 0 else None)

    async def problems(self) -> list[Fault]:
        try:
            faults = ses_account.account_faults(await ses_account.fetch_account(self._aws))
            faults += await ses_account.sender_faults(self._aws, self._config.sender)
            if self._config.configuration_set is not None:
                faults += await ses_account.configuration_set_faults(self._aws, self._config.configuration_set)
        except (AwsError, TransportError) as error:
            return [ses_account.unreadable(error)]
        return faults

    async def close(self) -> None:
        """The connections are the AWS session's, which closes them."""

    async def _request(self, sender: str, mails: Sequence[tuple[str, Delivery]]) -> list[Outcome]:
        address, first = mails[0]
        email = message_of(first, Email)
        envelope = Envelope(sender, self._reply_to_of(email), self._config.configuration_set)
        alone = self._goes_alone(first, email)
        try:
            if alone:
                body = single_body(envelope, address, first)
                return [single_outcome(await self._aws.post(_SINGLE, body, timeout_s=self._timeout_s))]
            answer = await self._aws.post(_BULK, bulk_body(envelope, mails), timeout_s=self._timeout_s)
            return bulk_outcomes(answer, len(mails))
        except UnicodeEncodeError:
            outcome: Outcome = NO_UNICODE
        except (AwsError, TransportError) as error:
            outcome = call_outcome(error)
        if isinstance(outcome, Rejected) and len(mails) > 1:
            self._send_alone([delivery for _, delivery in mails])
            outcome = Deferred(outcome.reason, answer=outcome.answer)
        return [outcome] * len(mails)

    def _reply_to_of(self, email: Email) -> tuple[str, ...]:
        return tuple(map(formataddr, own_reply_to(email))) or self._reply_to

    def _goes_alone(self, delivery: Delivery, email: Email) -> bool:
        html_chars = 0 if email.html is None else len(email.html)
        chars = len(email.subject) + len(email.text) + html_chars
        return chars > BULK_CHARS_MAX or delivery.delivery_id in self._refused_in_company

    def _send_alone(self, deliveries: Sequence[Delivery]) -> None:
        self._refused_in_company.update(dict.fromkeys(delivery.delivery_id for delivery in deliveries))
        while len(self._refused_in_company) > _ALONE_MAX:
            self._refused_in_company.pop(next(iter(self._refused_in_company)))


async def build_ses(config: SesConfig, context: ProviderContext) -> SesProvider:
    aws = await context.open_aws(
        "sesv2", connections_max=config.in_flight_max, base_url=config.base_url, ca_file=config.ca_file
    )
    return SesProvider(config, aws, timeout_s=context.send_timeout_s)


def _check(delivery: Delivery) -> str | Rejected:
    """The address on the wire, or why this mail cannot go."""
    email = message_of(delivery, Email)
    if len(email.headers) > HEADERS_MAX:
        return Rejected(Reason.MESSAGE_REFUSED, f"{len(email.headers)} headers; SES takes {HEADERS_MAX}")
    if wrong := flaw(email):
        return Rejected(Reason.MESSAGE_REFUSED, wrong)
    return mailbox(delivery.address)
