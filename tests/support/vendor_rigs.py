"""The providers over HTTP/1.1, each beside its vendor of the sandbox, over TLS."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
from pydantic import SecretStr

from notifyd.aws.credentials import StaticCredentials
from notifyd.core.message import Chat, Delivery, Email, Sms, message_of
from notifyd.core.message import Message as Content
from notifyd.ports import Provider
from notifyd.providers import PROVIDERS, ProviderContext
from notifyd.sandbox.clients import Clock
from notifyd.sandbox.credentials import Credentials
from notifyd.sandbox.desk import Desk
from notifyd.sandbox.exchange import Vendor
from notifyd.sandbox.faults import Cut, Refusal, Refuse, Silence
from notifyd.sandbox.http1_server import Http1Server
from notifyd.sandbox.inbox import Mail, Message
from notifyd.sandbox.vendors.mailchimp import Mailchimp
from notifyd.sandbox.vendors.sendgrid import SendGrid
from notifyd.sandbox.vendors.slack import Slack, SlackWebhook
from notifyd.sandbox.vendors.sns import Sns
from notifyd.sandbox.vendors.twilio import Twilio
from notifyd.sandbox.vendors.vonage import Vonage
from notifyd.sandbox.vendors.webhook import WebhookReceiver
from notifyd.system import SystemClock
from notifyd.wire.aws_call import AwsService
from notifyd.wire.credentials import Credentials as AwsCredentials
from notifyd.wire.tls import client_context
from notifyd.wire.transport_http1 import Http1Transport
from tests.fakes.system import FakeClock, FakeEntropy
from tests.support.deliveries import PLAIN, delivery_of
from tests.support.loopback_tls import CERTIFICATE, server_context
from tests.support.provider_rigs import MALFORMED_MAILBOXES, Arrived

_NUMBERS = count(1)
_SENDER = "Bücher & Co <shop@example.com>"
_SMS = Sms("Zahlung über 12,50 € ist da: {x} & <y> 🎉")
_CHAT = Chat("Payment of &lt;12,50 €&gt; &amp; more", blocks=b'[{"type": "divider"}]')
_MALFORMED_NUMBERS = (
    "",
    "ann",
    "0151 12345678",
    "+",
    "+49",
    "+1234567890123456",
    "+4915112345678;ext=1",
    "+99912345",
)
_MALFORMED_CHANNELS = (
    "",
    "two words",
    "https://hooks.slack.com",
    "https://hooks.slack.com/services/",
    "https://hooks.slack.com/services/T0/B0/x?y=z",
    "https://hooks.slack.com/services/../api/x/y",
    "https://hooks.slack.com.evil.example/services/T0/B0/x",
    "https://hooks.slack.com@evil.example/services/T0/B0/x",
    "http://hooks.slack.com/services/T0/B0/x",
    "C0\r\nX-A: b",
)
_MALFORMED_URLS = (
    "",
    "receiver.example.com/hook",
    "http://receiver.example.com/hook",
    "ftp://receiver.example.com/hook",
    "https://",
    "https:///hook",
    "https://me:secret@receiver.example.com/hook",
    "https://receiver.example.com/a b",
    "https://receiver.example.com/\r\nx-a: b",
    "https://receiver.example.com:99999/",
    "https://receiver.example.com/" + "x" * 2048,
)


class Stand(msgspec.Struct, frozen=True):
    """`config`: for a stand-in at that URL. `arrived` of a message: the address as `shown`, its `text` and the
    `delivery_id`, from where the vendor keeps them.
    """

    provider: str
    vendor: Callable[[Clock], Vendor]
    config: Callable[[str], Mapping[str, Any]]
    content: Content
    address: Callable[[int], str]
    malformed: tuple[str, ...]
    shown: Callable[[str], str] = str
    text: Callable[[Message], str] = lambda message: message.text
    delivery_id: Callable[[Message], str] = lambda message: message.delivery_id


def _mailbox(number: int) -> str:
    return f"u{number}@example.com"


def _phone(number: int) -> str:
    return f"+49151{number:08}"


def _path_of(url: str) -> str:
    return urlsplit(url).path


def _callback_id(message: Message) -> str:
    callback = str(message.content["form"]["StatusCallback"])
    return parse_qs(urlsplit(callback).query)["delivery_id"][0]


_KNOWN = Credentials()
STANDS = {
    "sendgrid": Stand(
        "sendgrid",
        lambda clock: SendGrid(api_key=_KNOWN.sendgrid_api_key, clock=clock),
        lambda url: {"sender": _SENDER, "api_key": "env:sendgrid_api_key", "base_url": url},
        PLAIN,
        _mailbox,
        MALFORMED_MAILBOXES,
    ),
    "mailchimp": Stand(
        "mailchimp",
        lambda _: Mailchimp(api_key=_KNOWN.mailchimp_api_key),
        lambda url: {"sender": _SENDER, "api_key": "env:mailchimp_api_key", "base_url": url, "searches": True},
        PLAIN,
        _mailbox,
        MALFORMED_MAILBOXES,
    ),
    "sns_sms": Stand(
        "sns_sms",
        lambda _: Sns(),
        lambda url: {"sender_id": "Shop", "max_price_usd": "0.10", "base_url": url},
        _SMS,
        _phone,
        _MALFORMED_NUMBERS,
    ),
    "twilio": Stand(
        "twilio",
        lambda clock: Twilio(
            account_sid=_KNOWN.twilio_account_sid, auth_token=_KNOWN.twilio_auth_token, clock=clock
        ),
        lambda url: {
            "account_sid": _KNOWN.twilio_account_sid,
            "auth_token": "env:twilio_auth_token",
            "sender": "+15005550006",
            "status_callback": "https://notifyd.example.com/twilio",
            "base_url": url,
        },
        _SMS,
        _phone,
        _MALFORMED_NUMBERS,
        delivery_id=_callback_id,
    ),
    "vonage": Stand(
        "vonage",
        lambda _: Vonage(api_key=_KNOWN.vonage_api_key, api_secret=_KNOWN.vonage_api_secret),
        lambda url: {
            "api_key": _KNOWN.vonage_api_key,
            "api_secret": "env:vonage_api_secret",
            "sender": "Shop",
            "base_url": url,
        },
        _SMS,
        _phone,
        _MALFORMED_NUMBERS,
        shown=lambda address: address.removeprefix("+"),
    ),
    "slack": Stand(
        "slack",
        lambda clock: Slack(token=_KNOWN.slack_token, clock=clock),
        lambda url: {"token": "env:slack_token", "base_url": url},
        _CHAT,
        lambda number: f"C{number:010}",
        _MALFORMED_CHANNELS,
    ),
    "slack_webhook": Stand(
        "slack",
        lambda clock: SlackWebhook(paths={_KNOWN.slack_hook_path}, clock=clock),
        lambda url: {"hooks_url": url},
        _CHAT,
        lambda _: "https://hooks.slack.com" + _KNOWN.slack_hook_path,
        _MALFORMED_CHANNELS,
        shown=_path_of,
    ),
    "webhook": Stand(
        "webhook",
        lambda _: WebhookReceiver(secrets=[_KNOWN.webhook_secret]),
        lambda url: {"secrets": ["env:webhook_secret"], "base_url": url},
        _CHAT,
        lambda number: f"https://receiver.example.com/hooks/{number}",
        _MALFORMED_URLS,
        shown=_path_of,
        text=lambda message: str(message.content["data"]["text"]),
    ),
}


class VendorRig:
    """Each delivery is made a second after the one before, by the vendor's clock."""

    def __init__(self, stand: Stand, desk: Desk, provider: Provider, clock: FakeClock) -> None:
        self.desk = desk
        self._clock = clock
        self.provider = provider
        self.malformed = stand.malformed
        self._stand = stand

    @property
    def requests(self) -> int:
        return self.desk.requests

    @property
    def arrived(self) -> list[Arrived]:
        stand = self._stand
        return [
            Arrived(message.address, stand.text(message), stand.delivery_id(message))
            for message in self.desk.inbox.messages
        ]

    @property
    def mails(self) -> list[Mail]:
        return [message for message in self.desk.inbox.messages if isinstance(message, Mail)]

    def delivery(self, address: str | None = None) -> Delivery:
        self._clock.advance(1.0)
        known = self._stand.address(next(_NUMBERS)) if address is None else address
        platform = PROVIDERS[self._stand.provider].platform
        return delivery_of(self._stand.content, self.provider.channel, known, platform=platform)

    def expected(self, sent: Delivery) -> Arrived:
        return Arrived(self._stand.shown(sent.address), _words(sent), sent.delivery_id)

    def refuse(self, refusal: Refusal, *, retry_after_s: int | None = None) -> None:
        self.desk.misbehave(Refuse(refusal=refusal, retry_after_s=retry_after_s))

    def stay_silent(self) -> None:
        self.desk.misbehave(Silence())

    def cut(self, *, taken: bool = True) -> None:
        self.desk.misbehave(Cut(taken=taken))


def _words(sent: Delivery) -> str:
    match sent.message:
        case Email(text=text) | Sms(text=text):
            return text
        case _ if sent.platform == "webhook":
            return "Payment of <12,50 €> & more"
        case _:
            return message_of(sent, Chat).text


@asynccontextmanager
async def vendor_provider(
    name: str, url: str, *, timeout_s: float = 10.0, **config: object
) -> AsyncIterator[Provider]:
    """`name`: in STANDS."""
    stand = STANDS[name]
    line = PROVIDERS[stand.provider]
    clock, entropy = SystemClock(), FakeEntropy()
    async with AsyncExitStack() as stack:

        async def open_aws(
            service: str, *, connections_max: int, base_url: str | None, ca_file: Path | None
        ) -> AwsService:
            transport = Http1Transport(client_context(ca_file), connections_max=connections_max)
            stack.push_async_callback(transport.close)
            return AwsService(
                service=service,
                region="eu-west-1",
                endpoint=base_url or "",
                credentials=StaticCredentials(AwsCredentials("AKIDTEST", "secret")),
                transport=transport,
                clock=clock,
                entropy=entropy,
            )

        context = ProviderContext(
            clock=clock,
            entropy=entropy,
            send_timeout_s=timeout_s,
            open_aws=open_aws,
            secret=lambda ref: SecretStr(getattr(_KNOWN, ref.name)),
        )
        known = line.config_model.model_validate({**stand.config(url), **config})
        provider = await line.build(known, context)
        stack.push_async_callback(provider.close)
        yield provider


def vendor_rig(name: str) -> Callable[..., AbstractAsyncContextManager[VendorRig]]:
    @asynccontextmanager
    async def rig(*, timeout_s: float = 10.0, **config: object) -> AsyncIterator[VendorRig]:
        stand, clock = STANDS[name], FakeClock(SystemClock().now_s())
        desk = Desk(stand.vendor(clock), clock=clock)
        async with (
            Http1Server(desk, clock=SystemClock(), tls=server_context()) as server,
            vendor_provider(name, server.url, timeout_s=timeout_s, ca_file=CERTIFICATE, **config) as provider,
        ):
            yield VendorRig(stand, desk, provider, clock)

    return rig


VENDOR_RIGS = {name: vendor_rig(name) for name in STANDS}
