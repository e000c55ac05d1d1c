"""What the AWS account allows: SES's sandbox and senders, SNS's spend limit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from email.utils import parseaddr
from typing import Any

from botocore.exceptions import ClientError

from notifyd.aws.checks import guarded
from notifyd.aws.session import AwsSession
from notifyd.errors import Fault

_SES = "SES"
_SMS = "SNS text messages"


async def check_sender(session: AwsSession, sender: str) -> list[Fault]:
    """Whether SES would send at all, and as `sender`."""
    return [fault async for fault in guarded(_SES, _sender(session, sender))]


async def warn_of_sandbox(session: AwsSession) -> list[Fault]:
    """No fault: in the sandbox everything works, to verified recipients."""
    return [fault async for fault in guarded(_SES, _sandbox(session))]


async def warn_of_spend_limit(session: AwsSession) -> list[Fault]:
    """What SNS stops at, silently, month by month."""
    return [fault async for fault in guarded(_SMS, _spend_limit(session))]


async def _sender(session: AwsSession, sender: str) -> AsyncIterator[Fault]:
    async with session.client("sesv2") as ses:
        account = await ses.get_account()
        if not account.get("SendingEnabled", True):
            yield Fault(_SES, "sending is paused for this account", "see the account's health in SES's console")
        _, address = parseaddr(sender)
        # SES takes a sender whose address, or else whose domain, is verified.
        for identity in (address, address.rpartition("@")[2]):
            if await _verified(ses, identity):
                return
    yield Fault(_SES, f"the sender {address!r} is not verified", "verify the address or its domain in SES")


async def _verified(ses: Any, identity: str) -> bool:
    try:
        answer = await ses.get_email_identity(EmailIdentity=identity)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NotFoundException":
            return False
        raise
    return bool(answer.get("VerifiedForSendingStatus"))


async def _sandbox(session: AwsSession) -> AsyncIterator[Fault]:
    async with session.client("sesv2") as ses:
        account = await ses.get_account()
    if not account.get("ProductionAccessEnabled"):
        quota = account.get("SendQuota", {})
        limit = f"{quota.get('Max24HourSend', 200):g} mails a day, {quota.get('MaxSendRate', 1):g} a second"
        what = f"the account is in the sandbox: {limit}, to verified recipients only"
        yield Fault(_SES, what, "ask for production access in SES's console")


async def _spend_limit(session: AwsSession) -> AsyncIterator[Fault]:
    async with session.client("sns") as sns:
        answer = await sns.get_sms_attributes(attributes=["MonthlySpendLimit"])
    # AWS's own limit for an account that never asked for more is one dollar.
    limit = float(answer.get("attributes", {}).get("MonthlySpendLimit") or 1)
    what = f"SNS stops when {limit:g} USD are spent in a month"
    yield Fault(_SMS, what, "ask for a higher limit where that is less than you send")
