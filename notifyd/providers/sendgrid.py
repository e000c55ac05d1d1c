"""SendGrid v3, Mail Send: 202 says that the mail is queued. One mail a request: an answer is for all of a request.

Codes and limits: SendGrid's API reference, "Mail Send" and "Errors".
"""

from __future__ import annotations

import re

import msgspec

from notifyd.core.channel import Channel
from notifyd.core.message import Delivery
from notifyd.core.outcome import Accepted, Deferred, Outcome, Reason, Rejected
from notifyd.errors import Fault
from notifyd.providers._base import ProviderContext
from notifyd.providers._http import JSON, HttpProvider, HttpSection, Origin, refused_check, vendor_transport
from notifyd.providers._http_answer import by_status, decoded, quoted, rate_reset_s, refusal, retry_after_s
from notifyd.providers._json_mail import Letter, letter_of
from notifyd.providers._json_mail import Mailbox as JsonMailbox
from notifyd.providers._mail import Mailbox
from notifyd.secret_ref import SecretRef
from notifyd.wire.transport import Request, Response, Transport

# 30 MB in all, of the mail as it leaves SendGrid: base64 adds a third to what is here.
_PAYLOAD_BYTES_MAX = 20_000_000
_TO = re.compile(r"personalizations[.\[]\d+\]?\.to\b")
_FROM = re.compile(r"from\b")
# One status has several meanings, which only its text tells.
_NOT_VERIFIED = "verified sender identity"
_NO_CREDITS = "credits exceeded"
_SCOPE = "mail.send"


class SendGridConfig(HttpSection):
    sender: Mailbox
    """From: of mails whose template names no other. `Shop <shop@example.com>`; verified at SendGrid."""
    reply_to: tuple[Mailbox, ...] = ()
    api_key: SecretRef
    """It needs the permission mail.send and no other."""
    base_url: Origin = "https://api.sendgrid.com"
    """https://api.eu.sendgrid.com for a subuser of that region."""


class _Personalization(msgspec.Struct):
    to: list[JsonMailbox]
    custom_args: dict[str, str]


class _Content(msgspec.Struct):
    type: str
    value: str


class _MailSend(msgspec.Struct, omit_defaults=True):
    personalizations: list[_Personalization]
    sender: JsonMailbox = msgspec.field(name="from")
    subject: str
    content: list[_Content]
    reply_to_list: list[JsonMailbox] = []
    headers: dict[str, str] = {}


class _Error(msgspec.Struct):
    message: str = ""
    field: str | None = None


class _Errors(msgspec.Struct):
    errors: list[_Error] = []


class _Scopes(msgspec.Struct):
    scopes: list[str]


_errors = msgspec.json.Decoder(_Errors)
_scopes = msgspec.json.Decoder(_Scopes)


class SendGridProvider(HttpProvider):
    name = "sendgrid"
    channel = Channel.EMAIL

    def __init__(
        self, config: SendGridConfig, *, api_key: str, transport: Transport, send_timeout_s: float
    ) -> None:
        limits = config.limits(payload_bytes_max=_PAYLOAD_BYTES_MAX)
        super().__init__(transport, limits, send_timeout_s=send_timeout_s)
        self._config = config
        self._headers = {"authorization": f"Bearer {api_key}"}

    def request_of(self, delivery: Delivery) -> Request | Rejected:
        letter = letter_of(delivery, sender=self._config.sender, reply_to=self._config.reply_to)
        if isinstance(letter, Rejected):
            return letter
        url = f"{self._config.base_url}/v3/mail/send"
        return Request("POST", url, self._headers | JSON, msgspec.json.encode(_mail_send(letter)))

    def outcome_of(self, delivery: Delivery, answer: Response) -> Outcome:  # noqa: ARG002 - the base's
        if answer.status == 202:
            return Accepted(answer.headers.get("x-message-id", ""))
        errors = decoded(_errors, answer.body) or _Errors()
        said = quoted("; ".join(f"{error.field or ''} {error.message}".strip() for error in errors.errors))
        if answer.status == 429:
            return Deferred(Reason.THROTTLED, _pause_s(answer), f"HTTP 429 {said}".rstrip())
        reason = _reason(answer.status, errors.errors)
        if reason is not None:
            return refusal(reason, f"HTTP {answer.status} {said}")
        return by_status(answer, said)

    async def faults(self) -> list[Fault]:
        answer = await self.ask(Request("GET", f"{self._config.base_url}/v3/scopes", self._headers))
        scopes = decoded(_scopes, answer.body)
        if answer.status in {401, 403}:
            return [self.fault("api_key", f"SendGrid refuses it (HTTP {answer.status})", "create a new API key")]
        if answer.status != 200 or scopes is None:
            return [self.fault("base_url", refused_check(answer), "see whether that is SendGrid's API")]
        if _SCOPE not in scopes.scopes:
            return [self.fault("api_key", f"it has no permission {_SCOPE}", "give it that permission")]
        return []


def _mail_send(letter: Letter) -> _MailSend:
    email = letter.email
    parts = [_Content("text/plain", email.text)] if email.text else []
    if email.html:
        parts.append(_Content("text/html", str(email.html)))
    return _MailSend(
        personalizations=[_Personalization([JsonMailbox(letter.to)], letter.marks)],
        sender=letter.sender,
        subject=email.subject,
        content=parts,
        reply_to_list=letter.reply_to,
        headers=letter.headers,
    )


def _pause_s(answer: Response) -> float | None:
    """Of a throttled request alone: by "Rate Limits" the reset is in every answer, however that one failed."""
    pause_s = retry_after_s(answer)
    return rate_reset_s(answer) if pause_s is None else pause_s


def _reason(status: int, errors: list[_Error]) -> Reason | None:
    """None: the status says it all."""
    text = " ".join(error.message for error in errors).lower()
    fields = [error.field or "" for error in errors]
    match status:
        case 400 if any(map(_TO.match, fields)):
            return Reason.ADDRESS_INVALID
        case 400 | 403 if _NOT_VERIFIED in text or any(map(_FROM.match, fields)):
            return Reason.SENDER_REFUSED
        case 401 | 403 if _NO_CREDITS in text:
            return Reason.QUOTA
        case _:
            return None


async def build_sendgrid(config: SendGridConfig, context: ProviderContext) -> SendGridProvider:
    return SendGridProvider(
        config,
        api_key=context.secret(config.api_key).get_secret_value(),
        transport=vendor_transport(config.base_url, config),
        send_timeout_s=context.send_timeout_s,
    )
