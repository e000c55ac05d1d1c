"""Every provider's API on loopback, in one process."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from aiohttp import web

from notifyd.sandbox.all_vendors import HTTP2, Vendors
from notifyd.sandbox.authority import Authority, make_authority
from notifyd.sandbox.clients import Clock
from notifyd.sandbox.control import Control
from notifyd.sandbox.credentials import Credentials
from notifyd.sandbox.desk import Desk
from notifyd.sandbox.http1_server import Http1Server
from notifyd.sandbox.http2_server import Http2Server
from notifyd.sandbox.ses_sink import SesSink
from notifyd.sandbox.sink import AnySink
from notifyd.sandbox.vendors.web_push import Subscription
from notifyd.system import SystemClock

_HOST = "127.0.0.1"
VENDORS = (
    *("sendgrid", "mailchimp", "sns_sms", "twilio", "vonage", "apns", "google_oauth", "fcm", "web_push"),
    *("slack", "slack_webhook", "webhook"),
)
# The mail relay stands on aiosmtpd, which is not there in every installation.
SINKS = ("ses", "smtp") if find_spec("aiosmtpd") else ("ses",)
PROVIDERS = SINKS + VENDORS


class Sandbox:
    """`urls` and `desks`: by provider, of those that are served. `vendors`: what each of them knows.
    `url`: of the control API (control.py). `http2`: the servers of apns and fcm, for GOAWAY and stream limits.

    `port_base`: the control API's port; the providers follow in the order of PROVIDERS, whether served or not.
    0: whichever are free.
    """

    def __init__(
        self,
        *providers: str,
        port_base: int = 0,
        journal: Path | None = None,
        clock: Clock | None = None,
    ) -> None:
        if unknown := set(providers) - set(PROVIDERS):
            raise ValueError(f"no provider {', '.join(sorted(unknown))} here; there are {', '.join(PROVIDERS)}")
        self.url = ""
        self.urls: dict[str, str] = {}
        self.desks: dict[str, Desk] = {}
        self.http2: dict[str, Http2Server] = {}
        self._clock = clock or SystemClock()
        self.credentials = Credentials()
        self.vendors = Vendors(self.credentials, self._clock)
        self._wanted = frozenset(providers or PROVIDERS)
        self._journal = journal
        self._port_base = port_base
        self._authority: Authority | None = None
        self._stands: dict[str, AnySink] = {}
        self._exit = AsyncExitStack()

    @property
    def ca_file(self) -> Path:
        """Whoever trusts it, trusts this sandbox."""
        if self._authority is None:
            raise RuntimeError("the sandbox has no authority before it is entered")
        return self._authority.ca_file

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as exit_stack:
            folder = await asyncio.to_thread(TemporaryDirectory, prefix="notifyd-sandbox-")
            exit_stack.push_async_callback(asyncio.to_thread, folder.cleanup)
            self._authority = await asyncio.to_thread(make_authority, Path(folder.name), self._clock)
            await self._start_sinks(exit_stack)
            await self._start_vendors(exit_stack, self._authority)
            await self._start_control(exit_stack)
            self._exit = exit_stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._exit.aclose()

    def __getitem__(self, provider: str) -> Desk:
        return self.desks[provider]

    def stand(self, provider: str) -> AnySink:
        """Any provider that is served, sinks included: to tell and to ask."""
        return self._stands[provider]

    def slow_down(self, latency_s: float) -> None:
        """Every provider, until told otherwise."""
        for stand in self._stands.values():
            stand.latency_s = latency_s

    @property
    def ses(self) -> SesSink:
        sink = self._stands["ses"]
        assert isinstance(sink, SesSink)  # noqa: S101 - put there by _start_sinks
        return sink

    # --- addresses that the providers know ---------------------------------------------------------------

    def web_push_subscriptions(self, count: int = 1) -> list[Subscription]:
        """New browsers that wait for web pushes; this sandbox can read what they get."""
        return [self.vendors.web_push.subscribe(self.urls["web_push"]) for _ in range(count)]

    @staticmethod
    def device_tokens(count: int = 1) -> list[str]:
        """APNs': 32 bytes in hex."""
        return [f"{number:064x}" for number in range(1, count + 1)]

    @staticmethod
    def registration_tokens(count: int = 1) -> list[str]:
        """FCM's."""
        return [f"sandbox{number:015}:APA91b{number:0134x}" for number in range(1, count + 1)]

    @staticmethod
    def phone_numbers(count: int = 1) -> list[str]:
        """Valid German mobile numbers in E.164."""
        return [f"+49151{number:08}" for number in range(1, count + 1)]

    @property
    def service_account(self) -> dict[str, Any]:
        """FCM's, as Google's console gives it out, with the token endpoint of this sandbox."""
        return self.credentials.service_account(f"{self.urls['google_oauth']}/token")

    # --- servers -----------------------------------------------------------------------------------------

    async def _start_sinks(self, exit_stack: AsyncExitStack) -> None:
        if "ses" in self._wanted:
            ses = await exit_stack.enter_async_context(SesSink(port=self._port("ses"), journal=self._journal))
            self.urls["ses"], self._stands["ses"] = ses.url, ses
        if "smtp" in self._wanted:
            from notifyd.sandbox.smtp_sink import SmtpSink

            smtp = await exit_stack.enter_async_context(SmtpSink(port=self._port("smtp"), journal=self._journal))
            self.urls["smtp"], self._stands["smtp"] = smtp.url, smtp

    async def _start_vendors(self, exit_stack: AsyncExitStack, authority: Authority) -> None:
        tls = await asyncio.to_thread(authority.context)
        tls_h2 = await asyncio.to_thread(authority.context, "h2")
        for vendor in self.vendors.all():
            if vendor.name not in self._wanted:
                continue
            clock, port, speaks_http2 = self._clock, self._port(vendor.name), vendor.name in HTTP2
            desk = Desk(vendor, clock=clock, journal=self._journal, speaks_http2=speaks_http2)
            if speaks_http2:
                http2 = Http2Server(desk, clock=clock, port=port, tls=tls_h2)
                await exit_stack.enter_async_context(http2)
                self.http2[desk.name], self.urls[desk.name] = http2, http2.url
            else:
                http1 = Http1Server(desk, clock=clock, port=port, tls=tls)
                await exit_stack.enter_async_context(http1)
                self.urls[desk.name] = http1.url
            self.desks[desk.name] = self._stands[desk.name] = desk

    async def _start_control(self, exit_stack: AsyncExitStack) -> None:
        runner = web.AppRunner(Control(self._stands, lambda: self.urls).app(), access_log=None)
        await runner.setup()
        exit_stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, _HOST, self._port_base).start()
        self.url = f"http://{_HOST}:{runner.addresses[0][1]}"

    def _port(self, provider: str) -> int:
        return self._port_base and self._port_base + 1 + PROVIDERS.index(provider)
