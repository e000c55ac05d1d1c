"""What SES says of the account: its limits, and what keeps it from sending."""

from __future__ import annotations

from email.utils import parseaddr
from typing import TypeVar
from urllib.parse import quote

import msgspec

from notifyd.core.unreadable import UNREADABLE
from notifyd.errors import AwsError, Fault, NoAnswer, TransportError
from notifyd.wire.aws_call import AwsService
from notifyd.wire.aws_error import may_pass

_ACCOUNT = "/v2/email/account"
_IDENTITIES = "/v2/email/identities/"
_CONFIGURATION_SETS = "/v2/email/configuration-sets/"
T = TypeVar("T")
_WHERE = "providers.ses"
# Reading is repeatable, and GetAccount allows one call a second.
_ATTEMPTS_MAX = 3


class SendQuota(msgspec.Struct, rename="pascal"):
    max_24_hour_send: float = msgspec.field(default=0.0, name="Max24HourSend")
    max_send_rate: float = 0.0


class Account(msgspec.Struct, rename="pascal"):
    """GetAccount's answer, as far as it decides whether a mail goes out."""

    production_access_enabled: bool
    sending_enabled: bool
    enforcement_status: str = "HEALTHY"
    send_quota: SendQuota = msgspec.field(default_factory=SendQuota)


class _Identity(msgspec.Struct, rename="pascal"):
    verified_for_sending_status: bool = False


class _SendingOptions(msgspec.Struct, rename="pascal"):
    sending_enabled: bool = True


class _ConfigurationSet(msgspec.Struct, rename="pascal"):
    sending_options: _SendingOptions = msgspec.field(default_factory=_SendingOptions)


async def fetch_account(aws: AwsService) -> Account:
    """Raises AwsError or TransportError."""
    return _decoded(await aws.get(_ACCOUNT, attempts_max=_ATTEMPTS_MAX), Account)


def account_faults(account: Account) -> list[Fault]:
    faults = []
    if not account.production_access_enabled:
        quota = account.send_quota
        limit = f"{quota.max_24_hour_send:g} mails a day, {quota.max_send_rate:g} a second"
        what = f"the SES account is in the sandbox: {limit}, to verified addresses only"
        faults.append(
            Fault(_WHERE, what, "ask AWS for production access, or verify each recipient", is_warning=True)
        )
    if not account.sending_enabled:
        what = f"SES does not let the account send (status {account.enforcement_status})"
        faults.append(Fault(_WHERE, what, "see the account's reputation in the SES console and answer AWS there"))
    return faults


def unreadable(error: AwsError | TransportError) -> Fault:
    mend = (
        "mend region, base_url or credentials, and let the role do ses:GetAccount, ses:GetEmailIdentity and "
        "ses:GetConfigurationSet"
    )
    return Fault(_WHERE, f"SES does not tell of its account: {error}", mend, is_outage=may_pass(error))


async def sender_faults(aws: AwsService, sender: str) -> list[Fault]:
    """An address may send when it is verified itself or its domain is."""
    address = parseaddr(sender)[1]
    domain = address.rpartition("@")[2]
    if await _verified(aws, address) or await _verified(aws, domain):
        return []
    what = f"neither {address!r} nor {domain!r} is a verified identity of SES"
    return [Fault(f"{_WHERE}.sender", what, "verify one of the two in this account and region")]


async def configuration_set_faults(aws: AwsService, name: str) -> list[Fault]:
    where = f"{_WHERE}.configuration_set"
    answer = await _found(aws, _CONFIGURATION_SETS + quote(name, safe=""))
    if answer is None:
        return [Fault(where, f"SES has no configuration set {name!r}", "create it, or leave the key out")]
    if _decoded(answer, _ConfigurationSet).sending_options.sending_enabled:
        return []
    return [Fault(where, f"sending is switched off in {name!r}", "switch it on in SES")]


async def _verified(aws: AwsService, identity: str) -> bool:
    answer = await _found(aws, _IDENTITIES + quote(identity, safe=""))
    return answer is not None and _decoded(answer, _Identity).verified_for_sending_status


def _decoded(answer: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(answer, type=kind)
    except UNREADABLE as error:
        raise NoAnswer(f"SES answered what is no {kind.__name__.strip('_')}: {error}") from error


async def _found(aws: AwsService, path: str) -> bytes | None:
    try:
        return await aws.get(path, attempts_max=_ATTEMPTS_MAX)
    except AwsError as error:
        if error.status == 404:
            return None
        raise
