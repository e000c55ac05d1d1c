"""A provider beside the stand-in that it sends to, so that one suite can ask the same of all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from notifyd.aws.credentials import StaticCredentials
from notifyd.ports import Provider
from notifyd.providers._smtp_config import SmtpConfig
from notifyd.providers.ses import SesConfig, SesProvider
from notifyd.providers.smtp import SmtpProvider
from notifyd.sandbox import faults, ses_faults, smtp_sink
from notifyd.sandbox.inbox import Mail
from notifyd.sandbox.ses_sink import SesSink
from notifyd.sandbox.smtp_sink import SmtpSink
from notifyd.wire.aws_call import AwsService
from notifyd.wire.credentials import Credentials
from notifyd.wire.tls import client_context
from notifyd.wire.transport_aiohttp import AiohttpTransport
from tests.fakes.system import FakeClock, FakeEntropy

SENDER = "Bücher & Co <shop@example.com>"
NOBODY_LISTENS = "127.0.0.1:9"


class Rig(Protocol):
    """`requests`: how often a mail, or a request with mails, has arrived whole."""

    @property
    def provider(self) -> Provider: ...
    @property
    def requests(self) -> int: ...
    @property
    def mails(self) -> list[Mail]: ...
    def refuse_mail(self) -> None: ...
    def refuse_sender(self) -> None: ...
    def throttle(self) -> None: ...
    def stay_silent(self) -> None: ...
    def cut(self) -> None: ...


class SesRig:
    def __init__(self, sink: SesSink, provider: SesProvider) -> None:
        self.sink = sink
        self.provider = provider

    @property
    def requests(self) -> int:
        return self.sink.requests

    @property
    def mails(self) -> list[Mail]:
        return list(self.sink.inbox.messages)

    def refuse_mail(self) -> None:
        self.sink.misbehave(ses_faults.Refuse(status=400, code="MessageRejected", message="It holds a virus."))

    def refuse_sender(self) -> None:
        self.sink.account.identities = {"somebody-else.example"}

    def throttle(self) -> None:
        self.sink.misbehave(ses_faults.THROTTLED)

    def stay_silent(self) -> None:
        self.sink.misbehave(faults.Silence())

    def cut(self) -> None:
        self.sink.misbehave(faults.Cut())


class SmtpRig:
    def __init__(self, sink: SmtpSink, provider: SmtpProvider) -> None:
        self.sink = sink
        self.provider = provider

    @property
    def requests(self) -> int:
        return self.sink.requests

    @property
    def mails(self) -> list[Mail]:
        return list(self.sink.inbox.messages)

    def refuse_mail(self) -> None:
        self.sink.misbehave(smtp_sink.Reply("DATA", "554 5.6.0 it holds a virus"))

    def refuse_sender(self) -> None:
        self.sink.misbehave(smtp_sink.Reply("MAIL", "550 5.7.1 not yours"))

    def throttle(self) -> None:
        self.sink.misbehave(smtp_sink.Reply("RCPT", "421 4.7.0 too fast"))

    def stay_silent(self) -> None:
        self.sink.misbehave(faults.Silence())

    def cut(self) -> None:
        self.sink.misbehave(faults.Cut())


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
