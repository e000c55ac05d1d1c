"""SendGrid v3: POST /v3/mail/send. 202 means queued; a mistake is told by field."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from itertools import count
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from notifyd.sandbox.clients import Clock
from notifyd.sandbox.exchange import Answer, Refusals, Refused, Request, Taken, json_answer
from notifyd.sandbox.faults import Refusal
from notifyd.sandbox.inbox import Inbox, Mail, Message
from notifyd.sandbox.vendors._forms import Malformed, bearer, content_type, decode_json

RECIPIENTS_MAX = 1000
BODY_BYTES_MAX = 30 * 1024 * 1024
CUSTOM_ARGS_BYTES_MAX = 10_000
_PERIOD_S = 60
_ADDRESS = re.compile(r"[^@\s]{1,64}@([A-Za-z0-9-]+\.)+[A-Za-z0-9-]+")
# In this order and before all others.
_RANKS = {"text/plain": 0, "text/html": 1}
# Set by SendGrid itself, or by fields of their own.
_HEADERS_RESERVED = frozenset(
    {"x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding"}
    | {"to", "from", "subject", "reply-to", "cc", "bcc"}
)


class _Part(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    pass


class Address(_Part):
    email: str
    name: str = ""


class Personalization(_Part):
    to: Annotated[list[Address], Meta(min_length=1)]
    cc: list[Address] = []
    bcc: list[Address] = []
    from_: Address | None = msgspec.field(default=None, name="from")
    subject: str = ""
    headers: dict[str, str] = {}
    substitutions: dict[str, str] = {}
    dynamic_template_data: dict[str, Any] = {}
    custom_args: dict[str, str] = {}
    send_at: int | None = None

    def recipients(self) -> list[Address]:
        return self.to + self.cc + self.bcc


class Content(_Part):
    type: Annotated[str, Meta(min_length=1)]
    value: Annotated[str, Meta(min_length=1)]


class Attachment(_Part):
    content: str
    filename: str
    type: str = ""
    disposition: str = "attachment"
    content_id: str = ""


class MailSend(_Part):
    personalizations: Annotated[list[Personalization], Meta(min_length=1, max_length=RECIPIENTS_MAX)]
    from_: Address = msgspec.field(name="from")
    reply_to: Address | None = None
    reply_to_list: Annotated[list[Address], Meta(max_length=1000)] = []
    subject: str = ""
    content: list[Content] = []
    attachments: list[Attachment] = []
    template_id: str = ""
    headers: dict[str, str] = {}
    categories: Annotated[list[Annotated[str, Meta(max_length=255)]], Meta(max_length=10)] = []
    custom_args: dict[str, str] = {}
    send_at: int | None = None
    batch_id: str | None = None
    asm: dict[str, Any] | None = None
    ip_pool_name: str | None = None
    mail_settings: dict[str, dict[str, Any]] = {}
    tracking_settings: dict[str, dict[str, Any]] = {}


def _error(message: str, status: int = 400, field: str | None = None, **headers: str) -> Answer:
    errors = [{"message": message, "field": field, "help": None}]
    return json_answer({"errors": errors}, status, **headers)


_REFUSALS: Mapping[Refusal, Answer] = {
    Refusal.ADDRESS: _error("Does not contain a valid address.", field="personalizations.0.to.0.email"),
    Refusal.MESSAGE: _error("Bad Request"),
    Refusal.TOO_LARGE: _error("The JSON payload you have included in your request is too large.", 413),
    Refusal.CREDENTIALS: _error("The provided authorization grant is invalid, expired, or revoked", 401),
    Refusal.SENDER: _error(
        "The from address does not match a verified Sender Identity. Mail cannot be sent until this error is"
        " resolved.",
        403,
        "from",
    ),
    Refusal.QUOTA: _error("Maximum credits exceeded", 401),
    Refusal.UNAVAILABLE: _error("Internal Server Error", 500),
}


class SendGrid:
    """`senders`: addresses or domains that are verified; None: all."""

    name = "sendgrid"

    def __init__(self, *, api_key: str, clock: Clock, senders: set[str] | None = None) -> None:
        self.senders = senders
        self.refusals: Refusals = {**_REFUSALS, Refusal.THROTTLED: self._throttled}
        self._api_key = api_key
        self._clock = clock
        self._numbers = count(1)

    def receive(self, request: Request, _inbox: Inbox[Message]) -> Taken | Answer:
        if bearer(request) != self._api_key:
            raise Refused(_REFUSALS[Refusal.CREDENTIALS])
        if request.path == "/v3/scopes" and request.method == "GET":
            return json_answer({"scopes": ["mail.send"]})
        if request.path != "/v3/mail/send":
            raise Refused(_error("not found", 404))
        if request.method != "POST":
            raise Refused(_error("method not allowed", 405))
        if content_type(request) != "application/json":
            raise Refused(_error("Content-Type should be application/json.", 415))
        if len(request.body) > BODY_BYTES_MAX:
            raise Refused(_REFUSALS[Refusal.TOO_LARGE])
        try:
            sending = decode_json(request.body, MailSend)
        except Malformed as malformed:
            raise Refused(_malformed(malformed)) from malformed
        self._check(sending)
        message_id = f"sandbox-{next(self._numbers):012}"
        answer = Answer(202, {"x-message-id": message_id})
        # In sandbox mode the request is only checked.
        if sending.mail_settings.get("sandbox_mode", {}).get("enable"):
            return json_answer(None, 200)
        return Taken(_mails(sending, message_id), answer)

    def _throttled(self, _: Request) -> Answer:
        """SendGrid names the end of the period, and has no Retry-After ("Rate Limits")."""
        return _error(
            "too many requests",
            429,
            x_ratelimit_limit="600",
            x_ratelimit_remaining="0",
            x_ratelimit_reset=str(int(self._clock.now_s()) + _PERIOD_S),
        )

    def _check(self, sending: MailSend) -> None:
        sender = sending.from_.email
        if not _ADDRESS.fullmatch(sender):
            raise Refused(_error("The from email does not contain a valid address.", field="from.email"))
        if self.senders is not None and not {sender, sender.rpartition("@")[2]} & self.senders:
            raise Refused(_REFUSALS[Refusal.SENDER])
        if sum(len(one.recipients()) for one in sending.personalizations) > RECIPIENTS_MAX:
            raise Refused(_error(f"There are more than {RECIPIENTS_MAX} recipients.", field="personalizations"))
        for position, personalization in enumerate(sending.personalizations):
            _check_personalization(sending, personalization, f"personalizations.{position}")
        types = [content.type for content in sending.content]
        if not types and not sending.template_id:
            raise Refused(_error("Unless a valid template_id is provided, the content parameter is required.",
                                 field="content"))  # fmt: skip
        ranks = [_RANKS.get(kind, len(_RANKS)) for kind in types]
        if ranks != sorted(ranks):
            raise Refused(_error("If present, text/plain must be first, followed by text/html.", field="content"))
        _check_headers(sending.headers, "headers")


def _check_personalization(sending: MailSend, one: Personalization, field: str) -> None:
    for kind in ("to", "cc", "bcc"):
        for position, address in enumerate(getattr(one, kind)):
            if not _ADDRESS.fullmatch(address.email):
                raise Refused(
                    _error("Does not contain a valid address.", field=f"{field}.{kind}.{position}.email")
                )
    twice = [
        email for email, times in Counter(each.email.lower() for each in one.recipients()).items() if times > 1
    ]
    if twice:
        what = "Each email address in the personalization block should be unique between to, cc, and bcc."
        raise Refused(_error(f"{what} We found the first duplicate instance of [{twice[0]}]", field=field))
    if not (one.subject or sending.subject or sending.template_id):
        raise Refused(_error("The subject is required.", field="subject"))
    if len(msgspec.json.encode(sending.custom_args | one.custom_args)) >= CUSTOM_ARGS_BYTES_MAX:
        raise Refused(_error("The custom_args must be less than 10000 bytes.", field=f"{field}.custom_args"))
    _check_headers(one.headers, f"{field}.headers")


def _check_headers(headers: Mapping[str, str], field: str) -> None:
    for name, value in headers.items():
        if name.lower() in _HEADERS_RESERVED:
            raise Refused(_error(f"The header {name} is reserved.", field=field))
        if not (name.isascii() and value.isascii()):
            raise Refused(_error("Headers must be ASCII; encode others by RFC 2047.", field=field))


def _malformed(malformed: Malformed) -> Answer:
    if malformed.unknown:
        return _error(
            f"Additional property {malformed.name} is not allowed", field=malformed.path or malformed.name
        )
    if malformed.name:
        field = ".".join(filter(None, (malformed.path, malformed.name)))
        return _error(f"The {malformed.name} field is required.", field=field)
    return _error(malformed.what, field=malformed.path or None)


def _mails(sending: MailSend, message_id: str) -> list[Message]:
    """One a recipient. The delivery id is the custom argument of that name."""
    parts = {content.type: content.value for content in sending.content}
    headers = sending.headers
    if sending.reply_to is not None:
        headers = headers | {"Reply-To": sending.reply_to.email}
    return [
        Mail(
            address=address.email,
            delivery_id=(sending.custom_args | one.custom_args).get("delivery_id", ""),
            subject=one.subject or sending.subject,
            text=parts.get("text/plain", ""),
            html=parts.get("text/html"),
            sender=(one.from_ or sending.from_).email,
            headers=headers | one.headers,
            tags=sending.custom_args | one.custom_args,
            message_id=message_id,
            content={"categories": sending.categories},
        )
        for one in sending.personalizations
        for address in one.recipients()
    ]
