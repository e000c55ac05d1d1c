"""A provider beside the stand-in that it sends to, so that one suite can ask the same of all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple, Protocol

from notifyd.aws.credentials import StaticCredentials
from notifyd.core.message import Delivery, Email, message_of
from notifyd.ports import Provider
from notifyd.providers._smtp_config import SmtpConfig
from notifyd.providers.ses import SesConfig, SesProvider
from notifyd.providers.smtp import SmtpProvider
from notifyd.sandbox import faults, ses_faults, smtp_sink
from notifyd.sandbox.faults import Refusal
from notifyd.sandbox.inbox import Mail
from notifyd.sandbox.ses_sink import SesSink
from notifyd.sandbox.smtp_sink import SmtpSink
from notifyd.wire.aws_call import AwsService
from notifyd.wire.credentials import Credentials
from notifyd.wire.tls import client_context
from notifyd.wire.transport_aiohttp import AiohttpTransport
from tests.fakes.system import FakeClock, FakeEntropy
from tests.support.deliveries import delivery

SENDER = "Bücher & Co <shop@example.com>"
NOBODY_LISTENS = "127.0.0.1:9"


class Arrived(NamedTuple):
    """What a stand-in took, of whatever channel."""

    address: str
    text: str
    delivery_id: str


class Rig(Protocol):
    """`requests`: how often a message, or a request with messages, has arrived whole. `delivery`: of an id that
    nobody else has, to an address that may be sent to. `malformed`: addresses that cannot be.
    """

    @property
    def malformed(self) -> Sequence[str]: ...
    @property
    def provider(self) -> Provider: ...
    @property
    def requests(self) -> int: ...
    @property
    def arrived(self) -> list[Arrived]: ...
    def delivery(self, address: str | None = None) -> Delivery: ...
    def expected(self, sent: Delivery) -> Arrived: ...
    def refuse(self, refusal: Refusal, *, retry_after_s: int | None = None) -> None: ...
    def stay_silent(self) -> None: ...
    def cut(self, *, taken: bool = True) -> None: ...


class MailRig(Rig, Protocol):
    @property
    def mails(self) -> list[Mail]: ...


MALFORMED_MAILBOXES = (
    "",
    "ann",
    "ann@localhost",
    "änn@example.com",
    "ann@example.com\r\nBcc: eve@example.com",
    "ann@example.com\0",
    "ann@example.com, eve@example.com",
    "Ann <ann@example.com>",
    f"{'a' * 65}@example.com",
)


class _Mails:
    malformed = MALFORMED_MAILBOXES

    @property
    def mails(self) -> list[Mail]:
        raise NotImplementedError

    @property
    def arrived(self) -> list[Arrived]:
        return [Arrived(mail.address, mail.text, mail.delivery_id) for mail in self.mails]

    def delivery(self, address: str | None = None) -> Delivery:
        return delivery() if address is None else delivery(address=address)

    def expected(self, sent: Delivery) -> Arrived:
        return Arrived(sent.address, message_of(sent, Email).text, sent.delivery_id)


class SesRig(_Mails):
    def __init__(self, sink: SesSink, provider: SesProvider) -> None:
        self.sink = sink
        self.provider = provider

    @property
    def requests(self) -> int:
        return self.sink.requests

    @property
    def mails(self) -> list[Mail]:
        return list(self.sink.inbox.messages)

    def refuse(self, refusal: Refusal, *, retry_after_s: int | None = None) -> None:  # noqa: ARG002 - SES has none
        match refusal:
            case Refusal.SENDER:
                self.sink.account.identities = {"somebody-else.example"}
            case Refusal.THROTTLED:
                self.sink.misbehave(ses_faults.THROTTLED)
            case _:
                why = "It holds a virus."
                self.sink.misbehave(ses_faults.Refuse(status=400, code="MessageRejected", message=why))

    def stay_silent(self) -> None:
        self.sink.misbehave(faults.Silence())

    def cut(self, *, taken: bool = True) -> None:
        self.sink.misbehave(faults.Cut(taken=taken))


class SmtpRig(_Mails):
    def __init__(self, sink: SmtpSink, provider: SmtpProvider) -> None:
        self.sink = sink
        self.provider = provider

    @property
    def requests(self) -> int:
        return self.sink.requests

    @property
    def mails(self) -> list[Mail]:
        return list(self.sink.inbox.messages)

    def refuse(self, refusal: Refusal, *, retry_after_s: int | None = None) -> None:  # noqa: ARG002 - nor has SMTP
        match refusal:
            case Refusal.SENDER:
                self.sink.misbehave(smtp_sink.Reply("MAIL", "550 5.7.1 not yours"))
            case Refusal.THROTTLED:
                self.sink.misbehave(smtp_sink.Reply("RCPT", "421 4.7.0 too fast"))
            case _:
                self.sink.misbehave(smtp_sink.Reply("DATA", "554 5.6.0 it holds a virus"))

    def stay_silent(self) -> None:
        self.sink.misbehave(faults.Silence())

    def cut(self, *, taken: bool = True) -> None:
        self.sink.misbehave(faults.Cut(taken=taken))


@asynccontextmanager
async def ses_provider(base_url: str, *, timeout_s: float = 10.0, **config: object) -> AsyncIterator[SesProvider]:
    transport = AiohttpTransport(client_context())
    aws = AwsService(
        service="ses",
        region="eu-west-1",
        endpoint=base_url,
        credentials=StaticCredentials(Credentials("AKIDTEST", "secret")),
        transport=transport,
        clock=FakeClock(),
        entropy=FakeEntropy(),
    )
    known = SesConfig.model_validate({"sender": SENDER, "base_url": base_url, **config})
    try:
        yield SesProvider(known, aws, timeout_s=timeout_s)
    finally:
        await transport.close()


@asynccontextmanager
async def smtp_provider(
    base_url: str, *, timeout_s: float = 10.0, login: tuple[str, str] | None = None, **config: object
) -> AsyncIterator[SmtpProvider]:
    username, password = login or (None, None)
    if username is not None:
        config |= {"username": username, "password": "env:NOT_READ_HERE"}
    known = SmtpConfig.model_validate({"sender": SENDER, "base_url": base_url, "starttls": False, **config})
    provider = SmtpProvider(
        known, password=password, tls=client_context(known.ca_file), clock=FakeClock(), timeout_s=timeout_s
    )
    try:
        yield provider
    finally:
        await provider.close()


@asynccontextmanager
async def ses_rig(*, timeout_s: float = 10.0) -> AsyncIterator[SesRig]:
    async with SesSink() as sink, ses_provider(sink.url, timeout_s=timeout_s) as provider:
        yield SesRig(sink, provider)


@asynccontextmanager
async def smtp_rig(*, timeout_s: float = 10.0) -> AsyncIterator[SmtpRig]:
    async with SmtpSink() as sink, smtp_provider(sink.url, timeout_s=timeout_s) as provider:
        yield SmtpRig(sink, provider)
